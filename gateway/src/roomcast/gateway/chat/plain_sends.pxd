cimport cython

from roomcast.adapter.redis.command_pipeline cimport CommandPipeline
from roomcast.engineio.websocket.frame_receiver cimport FastPath
from roomcast.engineio.limits.token_bucket cimport TokenBucket
from roomcast.engineio.write_buffer cimport FlushQueue, WriteBuffer
from roomcast.gateway.operations.byte_allowance cimport ByteAllowance
from roomcast.gateway.operations.histogram cimport OutcomeCounter

cdef double SEEN_SECONDS
cdef long long _ENTRY_BYTES
cdef object _match


@cython.final
cdef class SendTicket:
    cdef public str sid, room
    cdef public set rooms
    cdef public bytes head, dedup, author
    cdef public TokenBucket bucket
    cdef public ByteAllowance allowance
    cdef public CommandPipeline pipeline
    cdef public object send
    cdef public Py_ssize_t max_bytes, max_payload
    cdef public double seen_at

    @cython.locals(first=int)
    cpdef bint allows(self, bytes text, bytes reply_to) except -1

    @cython.locals(dedup=bytes, end=bytes, tail=bytes)
    cpdef bytes command(self, bytes message_id, bytes text, bytes reply_to)


@cython.final
@cython.freelist(256)
cdef class PendingAck:
    cdef public PlainSends fast_path
    cdef public WriteBuffer buffer
    cdef public bytes ack, payload
    cdef public double started


cdef class PlainSends(FastPath):
    cdef public FlushQueue outgoing
    cdef public OutcomeCounter outcome
    cdef public object seen, failed
    cdef public long long in_flight, held_bytes, taken

    @cython.locals(tickets=dict, ticket=SendTicket, now=double, pending=PendingAck)
    cpdef bint take(self, WriteBuffer buffer, bytes payload) except -1

    cpdef answer(self, PendingAck pending, object reply)
