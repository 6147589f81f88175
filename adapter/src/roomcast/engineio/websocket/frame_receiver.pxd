cimport cython

from roomcast.engineio.websocket.kernels cimport whole_text
from roomcast.engineio.write_buffer cimport Traffic, WriteBuffer


cdef class FastPath:
    cpdef bint take(self, WriteBuffer buffer, bytes payload) except -1


cdef class FrameReceiver:
    cdef public object session
    cdef public bint is_probe, is_midway
    cdef public Traffic traffic
    cdef public FastPath fast_path

    @cython.locals(buffer=WriteBuffer, payload=bytes)
    cpdef data_received(self, bytes data)
