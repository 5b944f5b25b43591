"""What `core.weigh` weighs with. Made by `python -m benchmarks.bfcl_train FOLDER`; not written by hand."""


def _read(told: str) -> dict[str, float]:
    pairs = (one.strip().rpartition("=") for one in told.replace("\n", " ").split(";"))
    return {name: float(weight) for name, _, weight in pairs}


PROPOSAL = _read(
    """
boolean =-0.36; boolean before a capital=-0.45; boolean behind ,=-0.78; boolean behind a=-0.18; boolean behind
for=-0.31; boolean behind other=-0.22; boolean behind the=0.51; boolean description before=-0.25; boolean description
behind=-0.07; boolean description just before=-0.21; boolean few like it=-0.37; boolean is named=0.85; boolean is
state=-0.85; boolean is told=-0.37; boolean its own word before=0.41; boolean its own word before, none between=0.47;
boolean its own word behind=0.58; boolean its own word behind, none between=0.21; boolean last word=0.77; boolean
match=0.77; boolean name before=0.12; boolean name behind=0.26; boolean name just before=0.9; boolean name just
behind=0.61; boolean none behind ,=-0.78; boolean none behind a=-0.54; boolean none behind for=-0.33; boolean none
behind other=-0.67; boolean none behind the=0.07; boolean only one=-0.17; boolean required=0.43; boolean same
rank=-0.03; boolean says the description=0.45; boolean says the name=0.77; boolean says the tool=0.28; choice =-0.15;
choice before a capital=-0.49; choice behind '=0.24; choice behind a=-0.3; choice behind an=-0.14; choice behind
for=-0.12; choice behind from=0.21; choice behind in=0.88; choice behind of=0.22; choice behind other=-0.77; choice
behind the=0.42; choice behind to=-0.16; choice behind with=-0.16; choice description before=-1.04; choice description
behind=0.04; choice description just before=0.41; choice description just behind=0.32; choice digits for id=-1.01;
choice few like it=-0.02; choice id behind other=-0.26; choice is answer named=0.78; choice is answer told=0.51; choice
is counted=-0.41; choice is exact=0.54; choice is meant part=-0.44; choice is part=-1.39; choice is run=0.3; choice its
own word before, none between=0.14; choice its own word behind=0.33; choice its own word behind, none between=0.39;
choice kind behind a=0.39; choice kind behind an=0.28; choice kind behind for=0.15; choice kind behind in=0.16; choice
kind behind of=-0.21; choice kind behind other=0.11; choice kind behind the=0.2; choice last word=0.48; choice
match=0.98; choice name before=0.37; choice name behind=0.18; choice name just before=0.41; choice name just
behind=0.36; choice none behind a=0.05; choice none behind for=-0.09; choice none behind other=0.43; choice none behind
to=0.03; choice none behind with=-0.08; choice only one=0.11; choice only one for one=0.68; choice required=0.68; choice
same rank=-0.17; choice says the description=-0.11; choice says the name=0.25; choice says the tool=-0.38; choice title
behind a=0.17; choice title behind other=0.04; choice unit behind in=0.14; choice when behind from=0.42; choice when
behind in=0.36; choice when behind other=0.2; list =-0.4; list before a capital=0.02; list begins with id=-0.11; list
behind '=0.13; list behind ,=-0.1; list behind :=0.22; list behind ==-0.24; list behind ^=-0.1; list behind a=0.24; list
behind an=-0.04; list behind and=-0.32; list behind are=-0.05; list behind between=-0.07; list behind for=0.03; list
behind from=-0.11; list behind in=0.07; list behind is=0.09; list behind me=0.04; list behind need=-0.03; list behind
of=0.14; list behind on=0.22; list behind other=-0.29; list behind the=0.09; list behind to=-0.37; list behind
with=-0.07; list blanks for id=-0.42; list description before=-0.04; list description behind=-0.22; list description
just before=0.24; list description just behind=-0.2; list digits for id=0.43; list few like it=0.88; list first before a
joint=0.25; list first behind a joint=-0.12; list first word=-0.1; list id behind from=-0.04; list id behind is=0.18;
list id behind of=-0.09; list id behind other=-0.05; list id behind the=-0.12; list id behind to=-0.06; list is
all=-0.29; list is chain=-0.51; list is choices=0.77; list is one=-0.37; list is one date said=-0.15; list is one
datetime said=-0.11; list is one name=-0.11; list is one number said=-0.42; list is one phrase=-1.93; list is one
quote=-0.14; list is one quoted=0.6; list is one token=-0.03; list is options=0.92; list is quotes=0.98; list is
run=0.32; list its own word before=0.33; list its own word before, none between=0.43; list its own word behind=-0.11;
list its own word behind, none between=0.13; list last word=-0.37; list length 1=-1.6; list length 2=0.13; list long
items=-0.29; list match=-1.49; list name before=0.28; list name behind=0.29; list name just before=0.47; list name just
behind=0.41; list none behind '=0.04; list none behind ,=-0.43; list none behind :=0.3; list none behind ==-0.24; list
none behind ^=-0.1; list none behind a=0.27; list none behind and=-0.23; list none behind between=-0.07; list none
behind for=0.27; list none behind from=-0.08; list none behind in=0.1; list none behind is=-0.09; list none behind
of=0.02; list none behind on=0.22; list none behind other=0.43; list none behind the=0.44; list none behind to=-0.27;
list none behind with=0.05; list only one=0.57; list only one for one=-0.47; list out of order=0.58; list
required=-0.33; list same rank=0.03; list says the description=-0.29; list says the name=-0.03; list says the
tool=-0.59; list second before a joint=-0.29; list second behind a joint=-0.11; list start behind '=-0.14; list start
behind ,=0.35; list start behind a=-0.18; list start behind an=-0.03; list start behind and=-0.03; list start behind
are=-0.04; list start behind for=-0.24; list start behind in=-0.04; list start behind me=-0.05; list start behind
need=-0.02; list start behind of=-0.04; list start behind other=-0.8; list start behind the=-0.22; list start behind
to=-0.04; list uneven=-0.62; number =-1.71; number another unit=-0.37; number before a capital=-0.43; number behind
,=-0.03; number behind :=-0.41; number behind ==0.17; number behind and=0.19; number behind at=-0.52; number behind
between=-0.51; number behind for=0.21; number behind from=-0.43; number behind in=0.62; number behind is=-0.21; number
behind me=0.43; number behind of=-0.19; number behind on=-0.23; number behind other=-0.04; number behind than=-0.23;
number behind the=-0.16; number behind to=0.21; number behind with=-0.34; number count behind ,=0.17; number count
behind :=-0.18; number count behind and=0.07; number count behind at=-0.23; number count behind for=0.78; number count
behind of=0.27; number count behind other=0.74; number count behind the=-0.47; number count behind with=0.2; number
description before=-0.06; number description behind=0.15; number description just before=0.5; number description just
behind=0.64; number end behind other=-0.33; number few like it=1.32; number first before a joint=1.38; number first
behind a joint=-0.67; number hundredth for neither=0.13; number id behind ,=0.38; number id behind :=-0.24; number id
behind a=0.06; number id behind and=0.07; number id behind at=-0.21; number id behind for=0.58; number id behind
other=-0.61; number id behind the=-0.38; number id behind with=-0.06; number in order=1.5; number is converted=0.64;
number is digits=-0.03; number is duration=-1.71; number is hundredth=-0.1; number is meant part=-0.26; number is meant
run=1.56; number is money=0.14; number is number=-0.25; number is ordinal=-1.14; number is quantity=-0.56; number its
own word before=0.1; number its own word before, none between=1.02; number its own word behind=-0.07; number its own
word behind, none between=1.36; number its unit=0.53; number last word=0.35; number match=-1.38; number money for
amount=-0.32; number name before=0.94; number name behind=-0.3; number name just before=1.62; number name just
behind=1.34; number no unit for one=-0.29; number no year for year=-0.52; number none behind ,=-0.34; number none behind
:=-0.07; number none behind ==0.08; number none behind a=-0.16; number none behind and=0.33; number none behind at=0.54;
number none behind between=-0.4; number none behind for=-0.78; number none behind from=-0.04; number none behind
in=-0.27; number none behind is=-0.51; number none behind me=0.32; number none behind of=-0.31; number none behind
other=-0.08; number none behind the=0.25; number none behind to=-0.11; number none behind with=-0.19; number only
one=0.97; number only one for one=0.25; number out of order=-0.82; number percent for neither=-1.15; number place behind
other=0.03; number required=1.22; number same rank=-0.17; number says the description=0.2; number says the name=0.07;
number says the tool=0.55; number second before a joint=-0.05; number second behind a joint=1.05; number start behind
at=-0.46; number start behind for=-0.25; number start behind of=0.16; number start behind other=-0.14; number unit for
none=-0.7; number unit in its words=1.02; number when behind for=0.62; number when behind from=0.13; number when behind
in=0.22; number when behind of=0.12; number when behind other=-0.07; number when behind to=0.13; number year for
other=-0.86; number year for year=0.43; text =-1.93; text before a capital=-0.21; text begins with id=-1.08; text behind
'=1.23; text behind ,=-0.91; text behind :=0.25; text behind ==0.03; text behind ^=-0.81; text behind a=-0.3; text
behind about=0.06; text behind an=0.04; text behind and=-0.57; text behind are=-0.12; text behind as=-0.15; text behind
at=0.51; text behind between=-0.17; text behind by=-0.34; text behind called=0.26; text behind for=0.26; text behind
from=-0.33; text behind is=-0.02; text behind like=-0.32; text behind me=-0.13; text behind named=-0.03; text behind
near=0.17; text behind of=0.08; text behind on=0.12; text behind other=-0.57; text behind over=0.34; text behind
than=-0.07; text behind the=-0.07; text behind titled=-0.06; text behind to=-0.04; text behind using=-0.1; text behind
want=-0.05; text behind with=-0.03; text blanks for id=-1.04; text capital=0.57; text capital as the example=-0.95; text
comma of no form=-1.22; text count behind '=-0.04; text count behind for=-0.03; text count behind in=-0.06; text count
behind other=-0.1; text count behind the=-0.03; text count behind to=0.13; text count behind with=-0.05; text count is
name=-0.04; text count is phrase=-0.47; text description before=-0.45; text description behind=-0.06; text description
just before=1.01; text description just behind=0.7; text digits as the example=0.55; text digits for id=0.67; text end
behind '=-0.08; text end behind ,=-0.22; text end behind a=-0.11; text end behind an=-0.02; text end behind and=0.26;
text end behind at=0.25; text end behind between=-0.23; text end behind for=-0.08; text end behind from=-1; text end
behind in=-0.04; text end behind is=-0.15; text end behind of=0.02; text end behind on=-1.4; text end behind
other=-0.28; text end behind the=-0.15; text end behind to=0.75; text end behind with=-0.04; text end is date
said=-0.47; text end is datetime said=-0.13; text end is day=-0.47; text end is hour=-0.09; text end is moment=-0.1;
text end is name=-0.36; text end is names=-0.04; text end is number said=-0.23; text end is option exact=0.09; text end
is option part=0.17; text end is ordinal said=-0.05; text end is phrase=-0.61; text end is place=-0.4; text end is time
said=-0.02; text end is token=0.11; text few like it=1.15; text first before a joint=0.98; text first behind a
joint=-0.44; text first word=-0.76; text goes on left=0.28; text goes on right=-0.48; text has inner=-0.83; text has its
form=0.38; text head of a name=-0.42; text id behind '=-0.28; text id behind ,=-0.08; text id behind :=0.83; text id
behind ^=-0.06; text id behind a=-0.04; text id behind and=-0.04; text id behind at=-0.2; text id behind for=-0.2; text
id behind in=0.76; text id behind is=0.34; text id behind of=-0.39; text id behind other=0.39; text id behind the=-0.15;
text id behind to=-0.36; text id behind with=-0.35; text id is day=-0.21; text id is identifier=0.56; text id is
name=-0.73; text id is number said=0.79; text id is ordinal said=-0.11; text id is phrase=0.39; text id is quoted=0.51;
text in order=1.23; text is an option's word=4.34; text is date said=-0.52; text is datetime said=-0.25; text is
day=0.54; text is email=0.04; text is first day=-0.3; text is formula=0.29; text is hour=0.76; text is identifier=0.3;
text is last day=-0.3; text is moment=-0.42; text is money said=-0.48; text is name=0.37; text is names=-0.24; text is
number said=-0.94; text is option exact=0.78; text is option meant run=0.14; text is option part=-0.19; text is ordinal
said=-0.79; text is phrase=-1.35; text is place=0.82; text is quantity said=-0.71; text is quote=-0.28; text is
quoted=1.12; text is range said=-0.03; text is time said=-0.09; text is token=0.11; text is url=0.11; text its own word
before=-0.34; text its own word before, none between=1.14; text its own word behind=-1.25; text its own word behind,
none between=1.13; text kind behind '=0.2; text kind behind ,=-0.09; text kind behind :=-0.04; text kind behind ==-0.04;
text kind behind ^=-0.07; text kind behind a=1.16; text kind behind an=0.25; text kind behind and=-0.08; text kind
behind for=-0.28; text kind behind from=-0.17; text kind behind in=-0.36; text kind behind is=-0.04; text kind behind
me=-0.04; text kind behind of=-0.1; text kind behind other=-0.07; text kind behind the=0.2; text kind behind to=0.05;
text kind behind with=-0.02; text kind is name=-0.63; text kind is number said=-0.25; text kind is option exact=0.87;
text kind is phrase=0.76; text kind is quantity said=-0.1; text kind is token=0.09; text lacks its form=-1.01; text last
word=0.53; text match=-1.43; text name before=0.78; text name behind=0.88; text name just before=1.35; text name just
behind=1.23; text no capital, as the example=-0.25; text no option=-0.97; text none behind '=0.45; text none behind
,=-0.73; text none behind :=-0.67; text none behind ==-0.16; text none behind ^=-0.22; text none behind a=-0.13; text
none behind about=0.1; text none behind an=0.32; text none behind and=0.02; text none behind are=-0.06; text none behind
as=-0.11; text none behind at=0.3; text none behind between=0.13; text none behind called=0.08; text none behind
for=0.23; text none behind from=0.14; text none behind in=-0.18; text none behind is=-0.38; text none behind like=-0.02;
text none behind me=0.16; text none behind named=-0.18; text none behind of=-0.17; text none behind on=0.24; text none
behind other=-0.49; text none behind over=0.46; text none behind the=-0.25; text none behind to=1.12; text none behind
using=-0.14; text none behind with=-0.26; text none is date said=-0.09; text none is datetime said=0.13; text none is
day=-0.44; text none is formula=0.16; text none is moment=0.15; text none is money said=-0.27; text none is name=0.62;
text none is names=-0.15; text none is number said=0.52; text none is option exact=0.22; text none is phrase=0.04; text
none is place=-0.18; text none is quantity said=-0.33; text none is quote=-0.37; text none is token=-0.35; text none is
url=0.18; text not as the example=-0.82; text of 1 words=-0.46; text of 2 words=-0.15; text of 3 words=-0.48; text of 4
words=-0.48; text of 5 words=-0.36; text one is capital=-0.13; text only one=-0.51; text only one for one=0.3; text out
of order=-0.07; text person behind '=0.37; text person behind ,=-0.05; text person behind ^=-0.1; text person behind
a=-0.32; text person behind an=-0.06; text person behind and=0.22; text person behind by=0.27; text person behind
for=-0.05; text person behind from=0.23; text person behind in=-0.91; text person behind is=0.33; text person behind
like=-0.16; text person behind me=-0.13; text person behind of=0.04; text person behind other=-0.04; text person behind
the=-0.62; text person behind to=0.12; text person behind with=0.88; text person is name=1.49; text person is number
said=0.08; text person is phrase=-0.38; text person is quoted=-0.42; text person is token=-0.19; text place behind
'=-0.2; text place behind ,=-0.04; text place behind ^=-0.07; text place behind a=-0.22; text place behind about=-0.05;
text place behind an=-0.03; text place behind between=-0.41; text place behind for=0.15; text place behind from=0.07;
text place behind in=1.16; text place behind like=-0.03; text place behind of=0.21; text place behind on=-0.51; text
place behind other=-0.99; text place behind the=-0.07; text place behind to=0.03; text place behind with=-0.08; text
place is date said=-0.54; text place is day=-0.77; text place is first day=-0.04; text place is last day=-0.04; text
place is money said=-0.1; text place is name=0.33; text place is names=-0.11; text place is number said=-0.24; text
place is option exact=0.15; text place is option part=-0.27; text place is ordinal said=-0.13; text place is
phrase=-1.02; text place is place=1.77; text place is quantity said=-0.07; text place is quoted=-0.22; text place is
range said=-0.05; text place is token=-0.1; text query behind '=0.46; text query behind ,=-0.03; text query behind
^=-0.16; text query behind a=-0.33; text query behind an=-0.2; text query behind and=-0.03; text query behind at=-0.22;
text query behind by=-0.04; text query behind for=0.28; text query behind in=-0.18; text query behind is=0.53; text
query behind of=-0.04; text query behind other=0.45; text query behind the=-0.4; text query behind to=-0.4; text query
behind with=0.05; text query is name=-0.73; text query is number said=-0.12; text query is phrase=0.18; text query is
quoted=1.14; text query is token=-0.25; text required=0.67; text same rank=0.33; text says the description=-0.03; text
says the name=-0.64; text says the tool=-1.83; text second before a joint=-0.17; text second behind a joint=0.7; text
splits a name left=-1.34; text splits a name right=-0.33; text start behind '=-0.11; text start behind a=-0.06; text
start behind an=-0.05; text start behind and=-0.33; text start behind at=-0.1; text start behind between=0.47; text
start behind for=0.18; text start behind from=0.59; text start behind in=-0.18; text start behind is=-0.1; text start
behind of=-0.07; text start behind on=-0.84; text start behind other=-0.46; text start behind the=0.12; text start
behind to=-1.23; text start behind with=-0.03; text start is date said=-0.17; text start is datetime said=-0.29; text
start is day=-0.56; text start is hour=0.57; text start is moment=-0.21; text start is name=-0.24; text start is
names=-0.09; text start is number said=-0.22; text start is option exact=-0.09; text start is option part=0.21; text
start is ordinal said=-0.16; text start is phrase=-0.68; text start is place=0.05; text start is time said=-0.09; text
start is token=0.35; text tail of a name=-0.37; text title behind '=0.62; text title behind ,=0.52; text title behind
^=-0.12; text title behind a=-0.53; text title behind an=-0.16; text title behind and=-0.4; text title behind are=-0.04;
text title behind at=0.52; text title behind by=-0.24; text title behind for=-0.05; text title behind from=-0.28; text
title behind in=-0.7; text title behind is=-0.25; text title behind like=-0.08; text title behind me=-0.17; text title
behind of=0.81; text title behind on=-0.84; text title behind other=-0.16; text title behind the=0.62; text title behind
titled=0.11; text title behind to=-0.3; text title behind with=-0.07; text title is date said=-0.28; text title is
datetime said=-0.03; text title is day=-0.58; text title is first day=-0.04; text title is hour=-0.18; text title is
last day=-0.04; text title is moment=-0.03; text title is name=0.28; text title is names=0.24; text title is number
said=-0.1; text title is ordinal said=-0.07; text title is phrase=0.19; text title is place=-0.31; text title is
quote=-0.28; text title is quoted=1.01; text title is range said=-0.03; text title is time said=-0.09; text title is
token=0.28; text unit behind a=-0.07; text unit behind and=-0.08; text unit behind between=-0.23; text unit behind
in=0.36; text unit behind of=-0.26; text unit behind other=0.47; text unit behind the=-0.12; text unit is name=-0.43;
text unit is number said=-0.13; text unit is phrase=0.54; text unit is quantity said=-0.1; text unquoted beside
quotes=-0.86; text when behind '=-0.05; text when behind ,=-0.22; text when behind :=-0.04; text when behind a=0.28;
text when behind an=-0.06; text when behind and=-0.02; text when behind at=0.12; text when behind for=0.2; text when
behind from=-0.5; text when behind in=-0.71; text when behind is=0.08; text when behind me=0.06; text when behind
on=1.26; text when behind other=0.14; text when behind the=0.5; text when behind to=-0.48; text when behind with=-0.18;
text when is date said=0.66; text when is datetime said=-0.27; text when is day=2.85; text when is hour=1.32; text when
is moment=-0.45; text when is name=-1.4; text when is names=-0.04; text when is number said=-0.44; text when is ordinal
said=-0.45; text when is phrase=-1.01; text when is place=-0.75; text when is quoted=-0.31; text when is time said=0.15;
text when is token=0.48
"""
)

SETTLED = _read(
    """
=-0.06; ahead=0.25; boolean=-0.06; boolean ahead=-0.13; boolean logit=0.12; choice=-0.87; choice ahead=0.11; choice
logit=0.14; is boolean named=1.14; is boolean state=-0.92; is boolean told=-0.28; is choice answer named=0.33; is choice
answer told=-1.67; is choice counted=-0.2; is choice exact=0.71; is choice part=0.49; is choice run=1.2; is list
chain=-0.64; is list choices=-0.97; is list one=-0.22; is list one name=-0.83; is list one phrase=-0.26; is list one
quoted=-0.94; is number digits=0.42; is number hundredth=-0.62; is number meant part=-1.15; is number meant run=1.11; is
number money=0.91; is number number=0.25; is number quantity=0.53; is text day=0.6; is text formula=-0.37; is text
hour=0.88; is text identifier=0.47; is text number said=0.97; is text option exact=0.26; is text option part=0.19; is
text phrase=-0.47; is text place=0.35; is text quoted=0.89; is text token=-0.82; lacks its form=-0.89; list=0.07; list
ahead=0.39; list logit=0.03; logit=0.52; none=-1.17; not the first=-0.06; number=0.47; number logit=0.25; required=0.04;
text=0.32; text ahead=-0.13; wanted elsewhere=-0.15
"""
)
