cimport cython

cdef double SLICE_SECONDS


cdef class CommandPipeline:
    cdef public bint is_open, is_behind
    cdef public object on_push, pending, reader
    cdef public list out

    cpdef send(self, bytes command, object target, object note=*)

    @cython.locals(ends=double, waiting=Py_ssize_t)
    cpdef take_some(self)

    cpdef answer(self, object reply)
