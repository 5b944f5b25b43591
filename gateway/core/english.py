"""English, as far as planning without a model knows it: lists of words, and where words stand in a text. Knows no tool."""

import re

from msgspec import Struct

from gateway.core.noun import named

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")

# What somebody tells another to do. A word that is none of these is never a command.
ACTS = named(
    "accept activate add adjust admit allow announce answer append apply approve archive arm arrange ask assign attach"
    " authorize authorise ban bill block boil book boost brew bring broadcast build buy call cancel change charge clean complete"
    " clear clone close commit compose configure confirm connect cook cool copy create cut deactivate debit decline"
    " decrease delay delete deliver deploy deposit detach dim direct disable disarm disconnect dismiss dispatch"
    " donate draft drop dry duplicate edit email empty enable end enroll erase execute extend fill fire flip flush forward"
    " freeze give grant halt hang heat hide hire increase insert install invite issue join keep kick kill label launch"
    " leave lift load lock log lower mail make mark merge message move mute name notify open order organize"
    " organise pack park pause pay phone pick pin ping place plan play plug post postpone power preheat press print"
    " promote publish purchase push put queue quit raise rearrange reboot rebook recharge record redeem reduce refill"
    " refund register reject release reload remind remove rename renew reopen reorder repeat replace reply report request"
    " reschedule reserve reset resize resolve restart restore restock resume retry return revert revoke ring run save"
    " schedule send set share shift shut sign silence skip sleep snooze speed split spray star start stop store stream"
    " submit subscribe suspend swap switch sync tag take tell terminate text tidy tip tilt toggle top transfer trigger turn"
    " unarchive unblock unlock unmute unpin unplug unsubscribe unwrap update upgrade upload use vacuum void wake warm wash"
    " water wire withdraw wipe write"
)
# What somebody asks to be told by an imperative.
LOOKS = named(
    "analyze analyse browse calculate check compare compute count describe determine display estimate evaluate explain"
    " explore fetch figure find get identify inspect know list look lookup predict preview query read recommend retrieve"
    " scan search see show suggest summarize summarise translate verify view watch convert"
)
# Of ACTS: what is a thing as often, and what is a quality or mostly a thing. The second kind is a command only before what
# plainly is its object.
ALSO_THINGS = named(
    "answer book block call cancel change charge copy delay deposit draft drop email end forward issue invite lock mail"
    " message order pause pay phone play post print purchase queue refund release repeat reply request reserve"
    " reset return run schedule set share start stop switch text transfer turn update upgrade upload"
)
MOSTLY_OTHER = named(
    "cool dry clean clear close empty fire heat complete label light log lower name open pack park pin place plan plug power record"
    " report sign sleep split spray star store stream tag tip top use warm wash water wire"
)
# What stands behind a thing that is named, and behind no verb.
OF_THINGS = named(
    "of from by about as is are was were has have had will would can could should may might does did do not status state"
    " history number numbers detail details date dates total list info information summary type name id ids confirmation"
    " available failed arrived shipped shows says said seems looks got went address inbox folder count size level battery"
    " sign time times notes note log logs"
)
COPULAS = named(
    "is are was were am isn't aren't wasn't weren't has have had hasn't haven't hadn't does doesn't did didn't will won't"
    " would wouldn't should shouldn't can can't could couldn't may might must"
)
# Behind these the words are about something else than what is to be done.
SUBORDINATES = named("that whether if when while because which who what where why how saying says unless until once to")
SUBJECTS = named("i i'm i'll you he she we they")
ABOUT_OBJECTS = named(
    "the a an all any both every each my our your his her their its this that these those it them him me us some another"
    " one everything everyone everybody"
)
PARTICLES = named("on off up down out in back away over")
GREETINGS = named(
    "hey hi hello ok okay please kindly now then and also just so well first finally next alright right yes yeah sure"
    " thanks factotum actually again today quickly immediately lastly great good"
)
# Before a comma and a command they say where, when and how.
LEADS = named("in at on by from tomorrow tonight today every this next before after for")
CASES = named("case event it")
ASKING = named(
    "is are was were am isn't aren't wasn't weren't does did has had doesn't didn't hasn't haven't hadn't what what's who"
    " who's whose whom when where where's why how how's which should shall may might must shouldn't ain't"
)
MODALS = named("can could will would")
REFUSED_MODALS = named("can't couldn't won't wouldn't")
NEGATIONS = named("don't dont not never doesn't didn't won't shouldn't mustn't no cannot can't without nor neither")
COMMUNICATING = named(
    "announce ask broadcast compose draft email forward mail message notify post remind reply send tell text write say"
)
# What can be put in a state by naming both: "lights off".
THINGS_WITH_STATES = named(
    "light lights lamp lamps bulb bulbs heating heater heat thermostat radiator radiators music tv television radio fan"
    " fans ac oven alarm speaker speakers volume plug plugs spots strip sprinkler sprinklers camera cameras wifi vacuum"
    " brightness temperature dishwasher conditioning conditioner stove kettle boiler humidifier projector printer"
)
STATES = named("on off up down")

PARTICIPLES = {
    "opened": "open", "closed": "close", "locked": "lock", "unlocked": "unlock", "paid": "pay", "cancelled": "cancel",
    "canceled": "cancel", "deleted": "delete", "removed": "remove", "stopped": "stop", "paused": "pause", "dimmed": "dim",
    "archived": "archive", "sent": "send", "started": "start", "muted": "mute",
}  # fmt: skip


class Word(Struct, frozen=True):
    """One word or mark, in lower case with a straight apostrophe, and which characters of the text it is."""

    text: str
    start: int
    end: int


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(one[0].replace("’", "'").lower(), one.start(), one.end()) for one in _WORD.finditer(text))


def gerund(verb: str) -> frozenset[str]:
    """How a verb may be written with -ing: `turning`, `closing`, `stopping`."""
    written = {f"{verb}ing"}
    if verb.endswith("e") and not verb.endswith("ee"):
        written.add(f"{verb[:-1]}ing")
    if len(verb) > 2 and verb[-1] not in "aeiouwy" and verb[-2] in "aeiou":
        written.add(f"{verb}{verb[-1]}ing")
    return frozenset(written)


GERUNDS = {written: verb for verb in sorted(ACTS) for written in gerund(verb)}

# Verbs that come to the same, as far as tools are called by them; what makes something new comes first.
ALIKE: tuple[frozenset[str], ...] = (
    named("create add make schedule book put new compose insert register post draft arrange start set place open"),
    named("delete remove erase cancel clear drop take discard wipe trash"),
    named("update change set edit modify move rename turn switch dim mark put make adjust configure toggle replace reschedule"
          " postpone raise lower increase decrease reduce boost resize shift assign label flip enable disable activate"
          " deactivate"),
    named("send mail email message text tell write notify"),
    named("reply answer"),
    named("call phone ring"),
    named("buy order purchase"),
    named("stop pause halt end"),
    named("start resume play begin"),
    named("cancel abort"),
    named("archive file store"),
    named("complete finish close tick check"),
    named("lock close shut"),
    named("unlock open"),
)  # fmt: skip
# What is not, or hardly, taken back: what opens, deletes, pays or goes to somebody.
GRAVE = COMMUNICATING | named(
    "unlock open disarm delete remove erase cancel clear drop discard wipe trash empty pay buy order purchase transfer donate"
    " publish share call phone ring"
)
# Names of one thing.
SYNONYMS: tuple[frozenset[str], ...] = (
    named("light lamp bulb"),
    named("heating heater thermostat radiator temperature heat warm"),
    named("mail email message mails emails messages"),
    named("meeting appointment event calendar"),
    named("basket cart"),
    named("film movie"),
    named("song track music"),
    named("phone number"),
    named("task todo"),
    named("door lock"),
    named("cost price"),
)
# Words of a wish that ask for nothing by themselves.
EMPTY = named(
    "a an the this that these those my our your his her their its it them me us you i we of to for in on at by from with into"
    " out and or is are was were be been do does did has have had will would can could should may might shall please now just"
    " also then there here what which who whose when where why how many much any some all every each both everything if so"
    " actually want like need let hey hi hello ok okay kindly mind would up down off about as than too again more s tell show give"
    " list get find see know whether right currently still yet only ones one again am go like called named titled saying"
    " says some me i'd i'm i'll we'd kind good enough able possible so"
)
# What things are counted in: `two bottles of milk`.
MEASURES = named(
    "bottle bottles pack packs packet packets pot pots can cans piece pieces bag bags box boxes cup cups glass glasses jar jars"
    " loaf loaves slice slices bunch bunches pair pairs kilo kilos"
)
CONDITIONS = named("if when unless until once whenever while after before because")
EXCEPTIONS = named("none nothing except but not don't without excluding besides no never other instead unless")
