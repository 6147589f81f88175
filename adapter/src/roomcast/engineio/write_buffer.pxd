cimport cython

from roomcast.engineio.websocket.kernels cimport send_now, socket_number, text_frame

cdef Py_ssize_t _NO_SOCKET, _UNKNOWN_SOCKET


@cython.final
cdef class Traffic:
    cdef public long long received, writes, packets, sent


cdef class WriteBuffer:
    cdef public list outbox
    cdef public Py_ssize_t credit, max_credit, queued
    cdef public int held
    cdef public dict tickets
    cdef int _socket
    cdef object _transport


@cython.locals(done=Py_ssize_t)
cpdef write_now(WriteBuffer buffer, bytes data)


cdef class FlushQueue:
    cdef public list dirty
    cdef public bint is_armed

    @cython.locals(size=Py_ssize_t, credit=Py_ssize_t, dirty=list, short=list, outbox=list, buffer=WriteBuffer)
    cpdef list queue(self, list buffers, bytes data)

    @cython.locals(short=list)
    cpdef send(self, list buffers, bytes packet, Py_ssize_t start=*)


@cython.locals(buffer=WriteBuffer, short=list, outbox=list, last=list, joined=bytes, packets=Py_ssize_t)
cpdef list write_out(list batch, Traffic traffic)
