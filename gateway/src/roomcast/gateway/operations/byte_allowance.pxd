cimport cython


@cython.final
cdef class ByteAllowance:
    cdef public long long unreported
    cdef public bint is_spent
    cdef public double until, asked_at
    cdef public Py_ssize_t connections
