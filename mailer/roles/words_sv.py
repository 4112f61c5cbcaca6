"""Swedish words of job titles, as Finland and Sweden use them. Read as the Finnish ones are."""

from typing import Final

LANGUAGE: Final = "sv"
COMPOUNDS: Final = True

STEMS: Final = """
general_management 1
    affärsområde region regions enhet enhets ~land lands affärs verksamhet verksamhets distrikt
    divisions division strategi strategisk område områdes koncernled dotterbolag affärsenhet
    bolags ~stads
finance 3
    ekonomi ekonomiavd redovisning redovisnings bokför bokföring finans finansi revision
    revisor fakturering faktura kontroller skatt skatte moms budget kredit inkasso reskontra
    leverantörsreskontra kundreskontra bank banken kassör kamrer likvid fond fondförv placering
    värdepapper aktie finansiering bokslut kalkyl treasury riskkontroll kapitalförv förmögenhet
    internrevision ekonomistyr räkenskap taxering ekonomiansv bolån låne
finance 2
    risk? försäkring? försäkrings? skade? kassa? pensions? aktuarie
payroll 4
    ~lön löne lönen löner löneadm löneavd lönehant lönekont lönespec
hr 3
    personal personalavd personalfråg personalutv personaladm rekryter kompetensutv
    kompetensförs arbetsrätt arbetsgivar bemanning medarbetar friskvård kompetens talangförsörj
    hr-fråg ~human arbetsförmed?
it 3
    dataadmin informationsteknik ikt ~ikt datanät nätverks nätverk serverdrift systemadmin
    systemförv systemdrift systemtekn molntjänst moln databas databasadm datakommunikation
    it-drift it-stöd användarstöd it-infrastruktur informationssystem informationsförv
    datorstöd dator it-support telekom?
it 2
    system systems systemen systemansv infrastruktur applikationsförv förvaltningsled
software 3
    mjukvar programvar programmer programmering applikation applikationsutv systemutv webbutv
    apputv testautom testled spelutv frontendutv backendutv gränssnitt användarupplev inbyggda
    programutv spelprogram
software 2
    webb testare ~test testning ~app
data 3
    dataanaly dataveten dataing datalager dataplattf datadriv maskininlär artificiell analytik
data 2
    statisti analys? affärsanaly
security 4
    informationssäkerhet it-säkerhet cybersäkerhet datasäkerhet cyber
security 3
    säkerhets säkerhet bevakning ordningsvakt väktare brandskydd beredskap
legal 3
    jurist juridi juridik rätts advokat regelefterlev dataskydd integritetsskydd personuppgift
    avtals patent notarie åklagare domare lagfart immaterialrätt compliance ~lag rättslig
legal 2
    avtal
procurement 4
    it-inköp
procurement 3
    inköp inköps upphandl upphandling anskaffning sourcing leverantörs leverantör
procurement 2
    kategori! kategorichef sortiment
logistics 3
    logisti lager lagerhåll lagret distribution spedit spedition transport transporter frakt
    leveranskedj försörjningsk varuflöde gods trafikled terminal truckförare chaufför tull
    tulldekl åkeri plockare flödes åkare ~import import importchef
logistics 2
    trafik leverans? material? hamn järnväg? fordons? reservdel?
production 3
    produktion produktions tillverk tillverknings fabrik fabriks montering monterings verkstad
    verkstads driftsled processoper verks ~verk gjuteri svets ~cnc slakteri bageri mejeri
    sågverk sågverks skift pappersbruk ~bruks platschef
production 2
    drift drifts process processing bygg? byggnads? gruv gruva byggarbets? anläggning?
    anläggnings?
facilities 4
    underhåll underhålls
facilities 3
    fastighet fastighets lokalvård städ städning disponent lokalförs husmor vaktmästeri
    vaktmäst facilit fastighetssk fastighetsförv lokalserv gårdskarl fastighetsdrift
facilities 2
    service? uthyrning bostads? reparatör reparation lokaler
engineering 3
    elkonstr konstruktions maskinkonst elkraft elteknik vvs ~vvs husteknik automationsing
    byggnadsteknik byggkonstr lantmät geoteknik stadsplan planläggning kraftteknik
engineering 2
    konstruk elektro elektronik ~el elprojekt automation automations mekanik maskin hydraulik
    ventilation ~robot konstruktion konstruktör projekteringsing projektering elinstall
engineering 1
    teknisk tekniska teknik teknologi planerings? energi? kemi? civiling ~ingenjör
rnd 3
    produktutv innovation forskningoch fou ~fou produktforsk
rnd 1
    utveckling utvecklings ~produkt!? produkt!? design? formgiv?
quality 4
    arbetarskydd arbetsmiljö arbetssäkerhet kvalitetssäkr arbetarsk livsmedelssäkerhet
quality 3
    kvalitet kvalitets miljö miljöskydd hållbar hållbarhet hållbarhets hälsoinspekt ~kma
    skyddsomb
quality 2
    klimat avfall?
sales 3
    försälj försäljning försäljnings sälj säljare export nyckelkund! kundansv handel handels
    handlar butik butiks detaljhandel grossist affärsutv offert återförsälj ~e-handel
    kommersiell kommersiella storkund! varuhus telefonförs mäklare bilförs importör
sales 2
    kund! kunder kundrel! kundförh partnerskap? eftermarknad
marketing 3
    marknadsför marknads marknad reklam varumärk kampanj sökmotor sociala webbmarkn
    marknadskomm grafiker
marketing 2
    evenemang grafisk ~event eventk eventc
marketing 1
    digital? turism?
communications 3
    kommunikation kommunikations kommunikatör informatör press presskon redaktör redaktion
    översätt innehåll journalist samhällskont tolk intressent skribent redaktions chefredaktör
    informationsc informationsa informationst
communications 2
    media medie tidning publikation fotograf?
customer_service 4
    kundtjänst kundservice kundbetj kundsupport kundstöd
customer_service 3
    kundupplev kundcenter kontaktcent kundmott
customer_service 1
    ~tjänst? tjänste? servicedir?
projects 3
    projektkont ~program! programkont
projects 2
    projekt! projekten
education 4
    lärare rektor lektor
education 3
    undervisn utbildning utbildnings skola skol ~skol skolan förskole pedagog daghem gymnasi
    studie studiehandl student bildning barnomsorg högskole fortbildn elev lärande ~kurs kurs
education 2
    universitet? ungdoms? fritids? inlärning
health 4
    läkare läkar veterinär
health 3
    hälso hälsovård sjukvård sjukskö sjukhus tandvård tandläk tandhyg vård vårdare vårdenhet
    äldre äldreomsorg omsorg social socialvård fysioterap terapeut psykolog farmac apotek
    barnmorska patient klinik klinisk rehabilit socialarb närvård hemvård optiker optometr
    röntgen arbetsterap logoped provisor ambulans kurator handikapp dietist hälsa medicinsk?
    barnskydd
health 2
    laboratorie? närings?
research 3
    forskning forsknings forskare vetenskap professor docent doktorand forskar
administration 3
    arkiv registrator kansli reception receptionist kontorsservice
administration 2
    kontor kontors ~lednings
administration 1
    administrativ administration förvaltnings förvaltning administrativa ~lednings
- 3
    nationalekonomi lantbruk jordbruk skogsbruk restaurang hotell kök köks mat kyrko museum
    muse bibliotek idrott sport kultur musik teater ~konst djur film mode blomster trädgård bil
    koncern finland svenska nordisk internationell europa norden statens ministeri företag
    bolag handelskammar konsument informationssök informationsspec
"""

HEADS: Final = """
owner general_management 0
    företagare delägare grundare ~entreprenör medgrundare huvudägare innehavare egenföretagare
    medägare ~ägare ordförande? viceordförande?
owner sales 2
    köpman?
executive general_management 4
    ~vd ~vd. verksamhetsledare stadsdirektör kommundirektör generaldirektör koncernchef
    koncerndirektör landskapsdirektör verkställande-direktör borgmästare
executive finance 3
    ekonomidirektör finansdirektör
executive hr 3
    personaldirektör hr-direktör
executive administration 2
    förvaltningsdirektör
executive legal 3
    juridikdirektör
director - 0
    direktör
director general_management 1
    regiondirektör affärsområdesdirektör landsdirektör områdesdirektör
director legal 3
    chefsjurist
director education 4
    rektor dekan prorektor dekanus
director health 4
    överläkare chefsläkare chefläkare chefsveterinär
director communications 4
    chefredaktör
director projects 3
    projektdirektör programdirektör
manager - 0
    chef förman arbetsledare gruppledare teamledare skiftledare gruppchef teamchef
    avdelningschef kökschef köksmästare föreståndare intendent hovmästare ledare
manager general_management 1
    regionchef enhetschef affärsområdeschef områdeschef distriktschef landschef verksamhetschef
    affärschef divisionschef affärsenhetschef
manager education 3
    daghemsföreståndare förskolechef prefekt
manager health 4
    avdelningsskötare översköterska överskötare vårdchef
manager production 2
    verkmästare driftchef driftschef driftsledare produktionsledare byggmästare? platschef?
manager sales 3
    butikschef butiksföreståndare säljledare varuhuschef
manager administration 2
    kanslichef byråchef? ~kontorschef
senior_specialist engineering 1
    arkitekt?
senior_specialist software 3
    mjukvaruarkitekt programvaruarkitekt
senior_specialist it 3
    it-arkitekt systemarkitekt lösningsarkitekt? molnarkitekt nätverksarkitekt
senior_specialist data 3
    dataarkitekt
senior_specialist legal 4
    dataskyddsombud dataskyddsansvarig
senior_specialist research 4
    professor docent
senior_specialist education 4
    överlärare
specialist - 0
    ansvarig specialist expert konsult handläggare rådgivare tekniker strateg analytiker ombud
    inspektör? granskare? sakkunnig kock frisör instruktör? konstnär musiker präst agent
    producent tjänsteman förtroendeman? planerare utredare handledare? förvaltare värderare
    stylist utvecklare skådespelare polis brandman kontaktperson verksamhetsutvecklare
    processägare produktägare? bedömare
specialist engineering 1
    ingenjör konstruktör planerare? projektör ritare lantmätare
specialist engineering 2
    elektriker? elmontör? vvs-montör? rörmontör?
specialist finance 4
    bokförare revisor kamrer redovisningsekonom ekonom? controller kassör? redovisare
    skatterådgivare bokföringsansvarig redovisningskonsult placeringsrådgivare bankrådgivare
    internrevisor kreditanalytiker
specialist payroll 4
    löneräknare lönespecialist löneadministratör lönekonsult
specialist hr 4
    rekryterare personalvetare
specialist it 3
    systemadministratör systemförvaltare it-tekniker nätverkstekniker drifttekniker
    systemtekniker systemansvarig
specialist software 4
    programmerare systemutvecklare mjukvaruutvecklare webbutvecklare testare testledare
    systemerare applikationsutvecklare
specialist software 1
    utvecklare?
specialist data 1
    analytiker?
specialist data 3
    dataanalytiker statistiker?
specialist legal 4
    jurist advokat notarie domare åklagare
specialist procurement 4
    inköpare upphandlare
specialist logistics 4
    speditör transportledare trafikledare
specialist production 3
    svetsare svarvare verktygsmakare plåtslagare?
specialist sales 4
    säljare försäljare mäklare? fastighetsmäklare fastighetsförmedlare
specialist sales 2
    representant förhandlare? kundansvarig nyckelkundschef nyckelkundsansvarig
    försäkringsrådgivare affärsutvecklare
specialist marketing 3
    marknadsförare grafiker reklamare copywriter mediaplanerare
specialist communications 4
    informatör kommunikatör redaktör journalist översättare tolk skribent pressombud
specialist communications 2
    fotograf? författare?
specialist rnd 2
    produktutvecklare formgivare? designer?
specialist quality 3
    arbetarskyddsfullmäktig skyddsombud hälsoinspektör miljöinspektör
specialist projects 3
    projektledare projektchef programledare? delprojektledare
specialist facilities 4
    disponent fastighetsförvaltare
specialist facilities 1
    montör? mekaniker? reparatör installatör? servicetekniker
specialist education 4
    lärare lektor utbildare pedagog studiehandledare
specialist health 4
    läkare sjukskötare sjuksköterska hälsovårdare närvårdare terapeut psykolog farmaceut
    provisor barnmorska fysioterapeut tandhygienist tandläkare socialarbetare tandskötare
    skötare? sköterska optiker kurator? veterinär undersköterska socionom vårdare?
specialist research 4
    forskare doktorand
specialist research 2
    kemist? biolog? laborant?
support - 0
    koordinator assistent sekreterare biträde praktikant arbetare medarbetare trainee
    samordnare administratör hjälpreda servitör lärling sommarjobbare
support administration 1
    assistent sekreterare kontorist registrator receptionist administratör kanslist
support administration 2
    vaktmästare? telefonist
support finance 4
    reskontraskötare fakturerare banktjänsteman?
support it 3
    it-stödperson supporttekniker? it-supporttekniker
support security 4
    väktare ordningsvakt
support logistics 4
    chaufför truckförare lagerarbetare lagerbiträde plockare förare? lagerman
support production 3
    operatör processkötare hopsättare maskinskötare montör? maskinoperatör produktionsarbetare
support facilities 4
    fastighetsskötare städare lokalvårdare gårdskarl anläggningsskötare
support customer_service 4
    kundrådgivare kundbetjänare kundtjänstmedarbetare kundservicemedarbetare
    kundtjänsthandläggare
support health 2
    vårdbiträde hemvårdare?
"""

PHRASES: Final = """
executive general_management 4
    verkställande direktör; verkst direktör; verkst. dir; verkst. direktör
executive general_management 4 deputy
    vice vd; vice verkställande direktör; vvd; stf vd; stf. vd; ställföreträdande vd
executive engineering 2
    teknisk direktör
executive general_management 3
    operativ direktör; operativ chef
owner general_management 0 board
    styrelseordförande; styrelsens ordförande; ordförande i styrelsen; ordförande för styrelsen
owner general_management 0 board member
    styrelseledamot; styrelsemedlem; styrelsens medlem; styrelsesuppleant; styrelseproffs
- hr 3
    mänskliga resurser
- marketing 3
    sociala medier
- quality 3
    hållbar utveckling
- data 3
    artificiell intelligens
support administration 3
    vd assistent; vd:s assistent; vd sekreterare; ledningens assistent
specialist marketing 3
    grafisk formgivare; grafisk designer; grafisk planerare
director health 4
    ledande läkare; ledande överläkare
manager health 4
    ledande skötare
"""

# Words that change a role instead of naming one.
SENIOR: Final = "ledande senior äldre erfaren"
DEPUTY: Final = """
    biträdande bitr bitr. ställföreträdande stf stf. vice ställföreträdare viceordförande
"""
ACTING: Final = "tf tf. t.f. t.f tillförordnad vik vik. vikarierande temporär"
FORMER: Final = "tidigare f.d. f.d fd fd. före-detta pensionerad förre förra"
BOARD: Final = "styrelsens styrelse"
# Degrees and certificates, noise beside a title.
DEGREES: Final = """
    ek.mag pol.mag ekon.mag dipl.ing jur.kand vh cgr civilekonom dipl.ekon
"""
PREFIXES: Final[dict[str, str]] = {
    "huvud": "senior",
    "chefs": "senior",
    "över": "senior",
    "special": "senior",
    "vice": "deputy",
    "senior": "senior",
    "biträdande": "deputy",
}

# Words that say nothing about the role, so that a title with them is still read in full.
KNOWN: Final = """
    strategisk strategiska operativ operativa nordisk finland sverige norden helsingfors åbo
    stockholm vasa global internationell koncernens koncern ny junior yngre avdelning
    avdelningen team gruppen grupp frågor området områden verksamhet ansvar tjänster medlem
    självständig allmän regional lokal österbotten nyland baltikum europa ledning ledningsgrupp
    ledningsgruppen frilans vid på hos hållbart
"""
