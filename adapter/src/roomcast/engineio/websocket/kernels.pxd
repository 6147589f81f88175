cpdef unmask(bytes mask, bytearray data)
cpdef bytes whole_text(bytes data)
cpdef bytes text_frame(bytes packet, Py_ssize_t start=*)
cpdef Py_ssize_t json_depth(bytes text) except -3
cpdef int socket_number(object transport) except -3
cpdef Py_ssize_t send_now(int socket, bytes data) except -3
