"""Show the gateways of the cluster, their connections, and the number of present users."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Security
from pydantic import BaseModel, Field

from roomcast.api.authentication import authenticate
from roomcast.api.parts import TheBackend
from roomcast.contract.api_keys import Listed, Scope

router: Final = APIRouter(prefix="/v1", tags=["cluster"])
Reads = Annotated[Listed, Security(authenticate, scopes=[Scope.CLUSTER_READ])]


class Gateway(BaseModel):
    """A gateway that announced itself within the last minute."""

    node: str
    connections: int
    is_alive: bool = Field(description="whether the gateway has the lease of its number")


class ClusterResponse(BaseModel):
    """The gateways, their connections, and the number of users present, including invisible users."""

    gateways: list[Gateway]
    connections: int
    users_present: int


@router.get("/cluster", operation_id="cluster")
async def read_cluster(_: Reads, backend: TheBackend) -> ClusterResponse:
    """Return the gateways, their connections and the users present. The figures are read one after another."""
    found = await backend.cluster()
    gateways = [Gateway.model_validate(each._asdict()) for each in found.gateways]
    return ClusterResponse(gateways=gateways, connections=found.connections, users_present=found.users_present)
