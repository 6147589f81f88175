cdef class Histogram:
    cdef public tuple bounds
    cdef public list heights
    cdef public double total

    cpdef observe(self, double seconds)


cdef class OutcomeCounter:
    cdef public long long count
    cdef public Histogram durations

    cpdef add(self, double seconds)
