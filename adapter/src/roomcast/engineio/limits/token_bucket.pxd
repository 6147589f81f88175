cimport cython


@cython.final
cdef class TokenBucket:
    cdef public double rate, burst, level, filled_at, taken

    @cython.locals(level=double)
    cpdef bint take(self, double now, double amount=*) except -1
