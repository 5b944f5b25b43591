"""The house: rooms, lights, thermostats, locks, speakers, a doorbell camera."""

from typing import Annotated, Literal

from litestar import Response, get, patch, post, put
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.demo.picture import draw_rows
from gateway.demo.service import AnyRequest, Refused, answer, change, find, read

Percent = Annotated[int, Meta(ge=0, le=100)]
Kelvin = Annotated[int, Meta(ge=2000, le=6500)]
Celsius = Annotated[float, Meta(ge=5, le=30)]


class Room(Struct, frozen=True):
    id: str
    name: str
    floor: int


class Light(Struct, frozen=True):
    id: str
    name: str
    room: str
    on: bool
    brightness: int = 80
    colour_temperature_k: int = 2700


class LightChange(Struct, frozen=True, forbid_unknown_fields=True):
    on: bool | UnsetType = UNSET
    brightness: Percent | UnsetType = UNSET
    colour_temperature_k: Kelvin | UnsetType = UNSET


class Thermostat(Struct, frozen=True):
    id: str
    room: str
    current_c: float
    target_c: float
    mode: Literal["heat", "off", "eco"] = "heat"


class ThermostatTarget(Struct, frozen=True, forbid_unknown_fields=True):
    target_c: Celsius
    mode: Literal["heat", "off", "eco"] = "heat"


class Lock(Struct, frozen=True):
    id: str
    name: str
    locked: bool
    battery_percent: int = 90


class Speaker(Struct, frozen=True):
    id: str
    room: str
    playing: str | None = None
    volume: int = 30


class Play(Struct, frozen=True, forbid_unknown_fields=True):
    what: Annotated[str, Meta(min_length=1, max_length=200)]
    volume: Percent | UnsetType = UNSET


class HomeState:
    """The house as it stands. Nobody else changes it."""

    def __init__(self) -> None:
        rooms = (Room("living-room", "Living room", 0), Room("kitchen", "Kitchen", 0), Room("hall", "Hall", 0),
                 Room("bedroom", "Bedroom", 1), Room("study", "Study", 1))  # fmt: skip
        lights = (
            Light("light-1", "Ceiling lamp", "living-room", True),
            Light("light-2", "Reading lamp", "living-room", True, 40),
            Light("light-3", "Shelf strip", "living-room", False),
            Light("light-4", "Kitchen spots", "kitchen", True, 100, 4000),
            Light("light-5", "Hall lamp", "hall", False),
            Light("light-6", "Bedside lamp", "bedroom", False, 20),
            Light("light-7", "Desk lamp", "study", True, 90, 5000),
        )
        self.rooms = {room.id: room for room in rooms}
        self.lights = {light.id: light for light in lights}
        self.thermostats = {
            one.id: one
            for one in (
                Thermostat("thermostat-1", "living-room", 20.4, 21.0),
                Thermostat("thermostat-2", "bedroom", 18.1, 18.0, "eco"),
            )
        }
        self.locks = {
            one.id: one for one in (Lock("front-door", "Front door", True), Lock("back-door", "Back door", False, 35))
        }
        self.speakers = {one.id: one for one in (Speaker("speaker-1", "living-room"), Speaker("speaker-2", "kitchen"))}


def routes(state: HomeState) -> list[BaseRouteHandler]:
    @get("/rooms")
    async def list_rooms() -> Response[bytes]:
        return answer(list(state.rooms.values()))

    @get("/lights")
    async def list_lights(request: AnyRequest) -> Response[bytes]:
        room, on, ids = (request.query_params.get(name) for name in ("room", "on", "ids"))
        if room:
            find(state.rooms, room, "room")
        if on not in (None, "true", "false"):
            raise Refused(422, "on must be true or false.")
        wanted = ids.split(",") if ids else list(state.lights)
        found = [find(state.lights, one, "light") for one in wanted]
        return answer([one for one in found if room in (None, one.room) and on in (None, str(one.on).lower())])

    @get("/lights/{light_id:str}")
    async def get_light(light_id: FromPath[str]) -> Response[bytes]:
        return answer(find(state.lights, light_id, "light"))

    @patch("/lights/{light_id:str}")
    async def set_light(request: AnyRequest, light_id: FromPath[str]) -> Response[bytes]:
        light = find(state.lights, light_id, "light")
        state.lights[light_id] = change(light, await read(request, LightChange))
        return answer(state.lights[light_id])

    @get("/thermostats")
    async def list_thermostats() -> Response[bytes]:
        return answer(list(state.thermostats.values()))

    @put("/thermostats/{thermostat_id:str}")
    async def set_thermostat(request: AnyRequest, thermostat_id: FromPath[str]) -> Response[bytes]:
        thermostat = find(state.thermostats, thermostat_id, "thermostat")
        state.thermostats[thermostat_id] = change(thermostat, await read(request, ThermostatTarget))
        return answer(state.thermostats[thermostat_id])

    @get("/locks")
    async def list_locks() -> Response[bytes]:
        return answer(list(state.locks.values()))

    @get("/locks/{lock_id:str}")
    async def get_lock(lock_id: FromPath[str]) -> Response[bytes]:
        return answer(find(state.locks, lock_id, "lock"))

    @post("/locks/{lock_id:str}/lock", status_code=200)
    async def lock(lock_id: FromPath[str]) -> Response[bytes]:
        return _turn(lock_id, locked=True)

    @post("/locks/{lock_id:str}/unlock", status_code=200)
    async def unlock(lock_id: FromPath[str]) -> Response[bytes]:
        return _turn(lock_id, locked=False)

    def _turn(lock_id: str, *, locked: bool) -> Response[bytes]:
        one = find(state.locks, lock_id, "lock")
        state.locks[lock_id] = Lock(one.id, one.name, locked, one.battery_percent)
        return answer(state.locks[lock_id])

    @get("/speakers")
    async def list_speakers() -> Response[bytes]:
        return answer(list(state.speakers.values()))

    @post("/speakers/{speaker_id:str}/play", status_code=200)
    async def play(request: AnyRequest, speaker_id: FromPath[str]) -> Response[bytes]:
        speaker, asked = find(state.speakers, speaker_id, "speaker"), await read(request, Play)
        volume = speaker.volume if asked.volume is UNSET else asked.volume
        state.speakers[speaker_id] = Speaker(speaker.id, speaker.room, asked.what, volume)
        return answer(state.speakers[speaker_id])

    @post("/speakers/{speaker_id:str}/stop", status_code=204)
    async def stop(speaker_id: FromPath[str]) -> None:
        speaker = find(state.speakers, speaker_id, "speaker")
        state.speakers[speaker_id] = Speaker(speaker.id, speaker.room, None, speaker.volume)

    @get("/doorbell/snapshot", media_type="image/png")
    async def snapshot() -> bytes:
        lit = any(light.on for light in state.lights.values() if light.room == "hall")
        return draw_rows([(250, 240, 200) if lit else (30, 30, 60)] * 12 + [(90, 70, 50)] * 12)

    return [
        list_rooms, list_lights, get_light, set_light, list_thermostats, set_thermostat, list_locks, get_lock, lock, unlock,
        list_speakers, play, stop, snapshot,
    ]  # fmt: skip
