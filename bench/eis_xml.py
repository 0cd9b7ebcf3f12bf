"""Contracts of EIS in one XML file, SYNTHETIC, and the loop that they are held against.

``contracts`` writes the publisher's layout of 44-FZ: about 26 elements a contract and 9 an item,
a signature in each document, a few hundred bytes of contacts that nobody reads. Same arguments,
same bytes.
"""

import random
from pathlib import Path

CONTRACTS = "procurement_eis_contracts"  # as it is shipped
# Elements that the loop takes the text of: those that the contract of the dataset reads.
WANTED = frozenset(
    (
        "id", "regNum", "publishDate", "signDate", "versionNumber", "notificationNumber",
        "lotNumber", "placing", "fullName", "inn", "kpp", "price", "code", "name", "nationalCode",
        "quantity", "sum", "participantType", "organizationName", "countryCode",
        "countryFullName", "currentContractStage",
    )
)  # fmt: skip
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<export xmlns="http://zakupki.gov.ru/oos/export/1" '
    'xmlns:oos="http://zakupki.gov.ru/oos/types/1">\n'
)


def contracts(count: int, folder: Path) -> Path:
    """A file of so many contracts, made once; about 3.3 kB each."""
    path = folder / f"eis_contracts_{count}.xml"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(5)
    aside = path.with_suffix(".part")
    with aside.open("w", encoding="utf-8") as out:
        out.write(_HEAD)
        for number in range(count):
            out.write(_contract(number, dice))
        out.write("</export>\n")
    return aside.rename(path)


def loop(path: Path) -> int:
    """A bare lxml loop that finds the records and takes the text of the same elements."""
    from lxml import etree

    taken = 0
    for _, record in etree.iterparse(path, tag="{*}contract", remove_comments=True):
        for element in record.iter():
            tag = element.tag
            if tag[tag.rfind("}") + 1 :] in WANTED and element.text:
                taken += 1
        record.clear()
        while record.getprevious() is not None:
            del record.getparent()[0]
    return taken


def _contract(number: int, dice: random.Random) -> str:
    items = "".join(_item(number, place, dice) for place in range(dice.randint(1, 6)))
    return f"""<contract schemeVersion="1.0">
  <oos:id>{number}</oos:id><oos:regNum>09999000027{number:08}</oos:regNum>
  <oos:publishDate>2014-02-06T10:19:22Z</oos:publishDate><oos:signDate>2014-02-05</oos:signDate>
  <oos:versionNumber>0</oos:versionNumber>
  <oos:foundation><oos:fcsOrder><oos:notificationNumber>0999900000114{number:06}</oos:notificationNumber>
    <oos:lotNumber>1</oos:lotNumber><oos:placing>9</oos:placing></oos:fcsOrder></oos:foundation>
  <oos:customer><oos:regNum>09999{number % 97:06}</oos:regNum>
    <oos:fullName>Вымышленное ведомство {number % 97}</oos:fullName>
    <oos:inn>99090{number % 97:05}</oos:inn><oos:kpp>990901001</oos:kpp></oos:customer>
  <oos:price>{dice.randint(1000, 9999999)}.50</oos:price>
  <oos:currency><oos:code>RUB</oos:code><oos:name>Российский рубль</oos:name></oos:currency>
  <oos:finances><oos:financeSource>Бюджет</oos:financeSource><oos:budget><oos:code>99010001</oos:code></oos:budget>
    </oos:finances>
  <oos:products>{items}</oos:products>
  <oos:suppliers><oos:supplier><oos:participantType>U</oos:participantType>
    <oos:inn>99091{number % 991:05}</oos:inn><oos:kpp>990901001</oos:kpp>
    <oos:organizationName>Вымышленное общество {number % 991}</oos:organizationName>
    <oos:country><oos:countryCode>643</oos:countryCode>
    <oos:countryFullName>Российская Федерация</oos:countryFullName></oos:country>
    <oos:contactInfo><oos:lastName>Выдуманов</oos:lastName></oos:contactInfo></oos:supplier></oos:suppliers>
  <oos:printForm><oos:url>http://example.org/{number}</oos:url>
    <oos:signature type="CAdES-A">{"4D49494D6967594A" * 40}</oos:signature></oos:printForm>
  <oos:currentContractStage>E</oos:currentContractStage>
</contract>
"""


def _item(number: int, place: int, dice: random.Random) -> str:
    code = f"{dice.randint(10, 99)}.{dice.randint(10, 99)}.{dice.randint(1, 9)}"
    return (
        f"<oos:product><oos:sid>{number}{place}</oos:sid>"
        f"<oos:OKPD><oos:code>{code}</oos:code><oos:name/></oos:OKPD>"
        f"<oos:name>Вымышленное изделие {place}</oos:name>"
        "<oos:OKEI><oos:code>796</oos:code><oos:nationalCode>ШТ</oos:nationalCode></oos:OKEI>"
        f"<oos:price>{dice.randint(1, 9999)}.25</oos:price><oos:quantity>{place + 1}</oos:quantity>"
        f"<oos:sum>{dice.randint(1, 99999)}.75</oos:sum></oos:product>\n"
    )
