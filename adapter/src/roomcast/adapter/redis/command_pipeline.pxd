cimport cython

cdef double SLICE_SECONDS


cdef class CommandPipeline:
    cdef public bint is_open, has_unread
    cdef public object on_push, pending, reader
    cdef public list out

    cpdef send(self, bytes command, object target, object note=*)

    @cython.locals(ends=double, waiting=Py_ssize_t)
    cpdef read_some(self)

    cpdef answer(self, object reply)
