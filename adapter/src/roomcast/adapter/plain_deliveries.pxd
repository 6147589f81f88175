cimport cython

from roomcast.adapter.order cimport OrderTracker
from roomcast.engineio.write_buffer cimport FlushQueue

cdef Py_ssize_t ROUTING_OFFSET


cdef class Subscription:
    cdef public OrderTracker watch
    cdef public list backlog, targets
    cdef public dict floors


cdef class Subscriber:
    cdef public dict rooms
    cdef public bytes routing
    cdef public FlushQueue outgoing
    cdef public object other

    @cython.locals(room=Subscription, routing=bytes, outgoing=FlushQueue, targets=list)
    cpdef bint takes(self, bytes channel, bytes data) except -1
