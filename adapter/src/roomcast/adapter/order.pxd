cdef class OrderTracker:
    cdef public bytes epoch
    cdef public unsigned long long seq

    cpdef bint advance(self, bytes epoch, unsigned long long seq) except -1
