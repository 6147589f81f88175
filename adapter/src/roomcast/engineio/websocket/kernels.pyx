"""The leaf functions of the hot path in C: see `kernels.py`, which has the same functions in Python."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

cdef extern from "<sys/socket.h>" nogil:
    ssize_t send_to_socket "send"(int socket, const void *data, size_t size, int flags)
    int MSG_DONTWAIT
    int MSG_NOSIGNAL

NO_SOCKET = -1


cpdef unmask(bytes mask, bytearray data):
    cdef const uint8_t *key = <const uint8_t *>PyBytes_AS_STRING(mask)
    cdef uint8_t *at = <uint8_t *>PyByteArray_AS_STRING(data)
    cdef Py_ssize_t i
    if PyBytes_GET_SIZE(mask) != 4:
        raise ValueError("a mask has four bytes")
    for i in range(PyByteArray_GET_SIZE(data)):
        at[i] ^= key[i & 3]


cpdef bytes whole_text(bytes data):
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t i, size = PyBytes_GET_SIZE(data) - 6, start = 6
    cdef const uint8_t *mask
    cdef bytes payload
    cdef uint8_t *to
    if size < 0 or at[0] != 0x81:
        return None
    if size > 125:
        size -= 2
        start = 8
        if at[1] != (0x80 | 126) or size < 126 or (at[2] << 8 | at[3]) != size:
            return None
    elif at[1] != (0x80 | size):
        return None
    payload = PyBytes_FromStringAndSize(NULL, size)
    to = <uint8_t *>PyBytes_AS_STRING(payload)
    mask = at + start - 4
    at += start
    for i in range(size):
        to[i] = at[i] ^ mask[i & 3]
    return payload


cpdef bytes text_frame(bytes packet, Py_ssize_t start=0):
    cdef Py_ssize_t payload = PyBytes_GET_SIZE(packet) - start + 1
    cdef Py_ssize_t head = 2 if payload < 126 else 4 if payload < 65_536 else 10
    cdef bytes frame
    cdef uint8_t *at
    cdef int i
    if start < 0 or payload < 1:
        raise ValueError("start lies outside of the packet")
    frame = PyBytes_FromStringAndSize(NULL, head + payload)
    at = <uint8_t *>PyBytes_AS_STRING(frame)
    at[0] = 0x81
    if head == 2:
        at[1] = <uint8_t>payload
    elif head == 4:
        at[1] = 126
        at[2] = <uint8_t>(payload >> 8)
        at[3] = <uint8_t>payload
    else:
        at[1] = 127
        for i in range(8):
            at[2 + i] = <uint8_t>(payload >> (56 - 8 * i))
    at[head] = 52  # "4", an Engine.IO message
    memcpy(at + head + 1, PyBytes_AS_STRING(packet) + start, payload - 1)
    return frame


cpdef int socket_number(object transport) except -3:
    # TLS must encrypt the bytes: they are written through the transport.
    sock = None if transport.get_extra_info("sslcontext") is not None else transport.get_extra_info("socket")
    return NO_SOCKET if sock is None else sock.fileno()


cpdef Py_ssize_t send_now(int socket, bytes data) except -3:
    cdef ssize_t done
    if socket < 0:
        return 0
    done = send_to_socket(socket, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MSG_DONTWAIT | MSG_NOSIGNAL)
    return done if done > 0 else 0


cpdef Py_ssize_t json_depth(bytes text) except -3:
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(text)
    cdef Py_ssize_t i = 0, size = PyBytes_GET_SIZE(text), depth = 0, deepest = 0
    cdef uint8_t c
    while i < size:
        c = at[i]
        i += 1
        if c == 34:  # a string: brackets in it do not count
            while i < size and at[i] != 34:
                i += 2 if at[i] == 92 else 1
            i += 1
        elif c == 91 or c == 123:
            depth += 1
            if depth > deepest:
                deepest = depth
        elif c == 93 or c == 125:
            depth -= 1
    return deepest
