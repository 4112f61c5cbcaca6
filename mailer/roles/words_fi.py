"""Finnish words of job titles.

Every block opens with what its words say: of stems the function and its weight against other
stems of one title, of endings (heads) and phrases the level, the function and its weight, and for
phrases what else they tell. ``-`` says nothing. A stem is cut where its inflection begins
("hankin" reads hankinta and hankinnan). Marks: a leading ``~`` reads the word only when it stands
alone or between hyphens, a trailing ``?`` says that people would disagree about the function, a
trailing ``!`` that its managers manage no people. A stem without a function makes a word known,
and keeps a shorter stem from being found inside it.
"""

from typing import Final

LANGUAGE: Final = "fi"
COMPOUNDS: Final = True

STEMS: Final = """
general_management 1
    alue ~maa toimiala liiketoimin yksikö yksikkö yksikön divisioona strategia strategi
    tytäryhtiö tulosyksikkö liiketoiminta-alue aluetoimin operatiivi? operaatio? piiri
    yleishallin kaupungin kunnan yhtiö
finance 4
    ostoreskontra myyntireskontra ostolasku myyntilasku palkkakirjanpi
finance 3
    talous talouden taloushallin kirjanpi kirjanpit reskontra laskutu laskuttaj laskenta
    laskennan laskentatoim tilinpäät tilinpi kontroll controll kustannuslask kustannuslaskent
    verotu ~vero ~veron verokonsult veroasian veropäälli verojohta verojuri maksuliiken maksatu
    treasury rahoitu rahasto sijoitu luotto luoton luototu luottoriski perintä perinnän
    perintäpääl kassanhallin kassavirta tilintarkast budjet konsernilaskenta konserniraport
    varainhoit varainhallin omaisuudenhoit arvopaper aktuaar pääomasijoit pankkitoim pankin
    pankki sisäinentarkast talouspalvelu tilitoimisto yrityskauppa ulosot osinko laina
    lainaneuvo kustannusseuran rahatalou tilinhoit rahoittaj sijoittaj toimialatalous
finance 2
    kustannus? vakuutus? vakuutu? riskienhallin? riskien? riski? korvau? eläke? kassa?
payroll 4
    palkka palkan palkanlask palkanlaskent palkkahallin palkkasihteeri palkkalask palkanmaksu
    palkkatoimi palkkapalvelu palkkio palkkiot
hr 3
    henkilöst henkilöstö henkilöstön henkilöstöhallin henkilöstöasia henkilöstöpalvelu
    henkilökun ~hr ~hrd ~hrm ~hrbp rekry rekrytoin rekrytoij työhyvinvoin työsuhde työsuhtei
    työsuhte työkyky osaamis osaamisen perehdyt työnantajakuva työnantaja henkilöarvioin
    henkilösuun uravalmen palkitsem henkilövuokrau työterveysyhteis henkilöasiakas-? työllisyy?
    työvoima? urasuunn? johtamisvalmen työyhteisö henkilöstönkehit hlöstö henk.
it 4
    it-tuki ict-tuki it-tuen ict-tuen it-tukihenkilö
it 3
    tietohallin tietojärjestelm tietotekn tietoverk tietoliikenne tietokanta tietokannan ~it
    ~ict ~atk mikrotu lähitu lähituki lähituen käyttötuki käyttäjätuki helpdesk pilvi
    pilvipalvelu palvelin konesali datakeskus datakeskuk työasema toiminnanohjausjärjestelm
    sovellustuki pääkäyttäj atk-tuki ~sap ~erp ylläpitäjä tietotekniikan tietokone lähiverk
    it-infra kokonaisarkkiteht järjestelmätu järjestelmähallin järjestelmävalvo
    järjestelmäylläpi digitalisaatio? toiminnanohjau tietojenkäsit
it 2
    järjestelmä järjestelmän järjestelmien infra infran infrastruktuuri verkko verkon verkkojen
    ylläpito ylläpidon integraatio integraatioi ratkaisuarkkiteht? tietopalvelu? ~m365 ~azure
    ~aws
software 3
    ohjelmisto ohjelmoin ohjelmoij ohjelmisto-ja sovellu sovelluskehit sovellussuunn frontend
    backend fullstack full-stack devops testau testaaja testaajan käyttöliittym käytettävyys
    käytettävyyd ~ui ~ux ~ux/ui koodar koodaaj ~java ~.net ~python ~react ~php sulautettu
    sulautetun peliohjelm järjestelmäkehit ohjelmistotestau tietojärjestelmäkehit mobiilikehit
    webkehit web-kehit ~mobiilisovellu
software 2
    ~web verkkopalvelu mobiili verkkosivu ~peli pelisuunn pelinkehit
data 3
    ~data data datan dataanaly data-analy analytiik tekoäly koneoppimi ~bi ~ai tietovaras
    tietoanaly tiedolla tiedollajoh tietojohtam datainsin data-insin tiedonhallin?
    business-intell tietomalli-ja tietämyksenhall
data 2
    tilasto tilastoi analyysi raportoin? paikkatieto?
security 4
    tietoturva tietoturvall kyberturva kyberturvall kyber
security 3
    vartioin vartija turvallisuusvalvo turvapalvelu kulunvalvon paloturvall yritysturva
    turvallisuuspääl turvallisuusjoh turvallisuusasian toimitilaturva järjestyksenvalv
    palotarkast turvatark
security 2
    turvallisuus turvallisuuden turvallisuu ~turva varautumi valmius?
quality 4
    työturvallisuu tuoteturvallisuu elintarviketurvallisuu laadunvarmist laadunhallin
    laadunvalvo ympäristöterveys työsuojelu laatutarkast
quality 3
    laatu laadun ympäristö ympäristön ~hseq ~hse ~ehs ~shq ~qhse ~ehsq ~qehs ~she ~sheq
    vastuullisuu kestävä kestävän kestävyys omavalvon kiertotalou ympäristöasia hiilineutr
    ympäristönsuojelu terveystarkast
quality 2
    auditoin ilmasto jäte? luonto? luonnonvara?
legal 3
    ~laki lakia lakiasia lakiasiain lakimie juridi juristi oikeudel compliance tietosuoja
    immateriaal ~ipr patent ~oikeus asianajaj asianajotoim notaari tuomari käräjä syyttäjä
    oikeusasia oikeusapu sopimusjuri lakipalvelu
legal 2
    sopimus sopimuks sopimusten sääntely?
procurement 4
    hankintatoim hankintalai it-hankin
procurement 3
    hankinta hankinnan hankintojen hankinto ~osto ~oston osto ostot ostojen ostaja ostopalvelu
    kilpailut sourcing toimittajahallin toimittajasuh toimittajayht sisäänosto sisäänostaj
procurement 2
    kategoria! tuoteryhmä! valikoima
logistics 3
    logisti varasto varaston kuljetu kuljetus toimitusketju toimitusket huolinta huolinnan
    huolits tavaraliik lähettämö terminaali rahti rahdin ajojärjest laivau lastau keräily
    keräilij trukki kalustonhal kuljettaja tullaus tullau sisälogist maantiekulj linja-auto
    bussi rekka kuorma-auto varastoin toimituslogist noutopalvelu tuonti tuonnin
logistics 2
    jakelu materiaali satama liikenne liikentee toimitus? toimitusten? kalusto vastaanottotark
    ajoneuvo? lento? varaosa?
production 3
    tuotanto tuotannon tuotantolait tuotannonohj tuotannonsuun tehdas tehtaan valmistus
    valmistuksen kokoonpan valimo koneist hitsau hitsaaj työstö levytyö pakkaamo pakkaaja sahan
    leipomo meijeri teurasta paperikone särmä sorvaaj jyrsij työkaluvalm konepaja verstas
    leimaus prässi maalaamo tuotantolinja työvuoro tuotantotek valssaamo jalostamo
    tuotantotalou
production 2
    prosessi prosessin menetelmä kaivos kaivoks ~lean ~linja linjan ~saha painopinta ~käyttö
    työnjohto työmaa? rakennus? rakentami? rakennut? voimalaito? voimalan
facilities 4
    kunnossapi käynnissäpi siivou
facilities 3
    kiinteistö kiinteistöjen kiinteistön toimitila tilapalvelu siivooj puhtaus puhtaanap
    puhtauspalv siistij laitoshuol isännöin isännöits talonmies vahtimest virastomest
    kiinteistöhuol kiinteistöpalv huoltomie viherhuol pihahuol korjaamo aulapalvelu tilahallin
    tilapääll toimitilajoh asuntotoim
facilities 2
    huolto huollon huoltopalvelu huoltaj vuokrau asunto? ~tila tilojen korjau asennus?
    asennuks? pesula?
engineering 3
    sähkösuunn automaatiosuunn rakennesuun mekaniikkasuun lvi lvia lvis ~lvi ~lvia ~lvis ~lvisa
    talotekn konetekn sähkötekn sähköverk automaatiotek rakennustek rakennussuun rakennesuunn
    geotekn geosuun tietomallin kaavoit maanmitt kartoit arkkitehtuuris yhdyskuntasuun
    liikennesuunn infrasuunn putkistosuun prosessisuun layoutsuun laitossuun vesihuol ydintek
    jäähdytystek pohjarakenn siltasuun akustiik
engineering 2
    sähkö sähkön automaatio automaation mekaniik rakenne rakentee konesuun ~kone elektroniik
    hydrauliik instrumentoin robotiik putkisto ilmanvaihto lämmitys piirisuun ~bim optiik
    metallurg
engineering 1
    suunnittelu suunnittelun tekninen teknise tekniik teknologia teknologian teknillis energia?
    laite laitteen ~insinööri insinööritoim kemian? ~cad
rnd 3
    tuotekehit ~t&k t&k ~tk ~r&d r&d innovaat ~tki ~rdi prototyyp tuotehallin konseptoin
    tuotemuotoil
rnd 1
    kehitys kehitykse kehittämi kehittämis muotoilu? ~tuote!? tuote!? tuotteen? palvelumuotoil?
sales 4
    myyntineuv myyntipääl
sales 3
    myynti myynnin myynnit myyntien vienti viennin avainasiak! asiakkuu! asiakashankin
    asiakaspäälli! kaupallin myymälä myymälän vähittäiskau tukkukau jälleenmyyn tarjouslask
    tarjousten verkkokaup verkkokaupan autokaup autokaupan asiakassuhdepääl ratkaisumyyn
    uusasiakashank edustaja kiinteistönväl vaihtoautomyyn kauppakumppan ~kam! key~!
    key-account! myyjä marketti tavaratalo kenttämyyn vientikaup vientitoim
sales 2
    kauppa kaupan kaupat tarjous jälkimarkkin kumppanuu? kumppani? partneri? ~asiakas! asiakas!
    asiakkaiden? kanavamyyn ~account! liiketoiminnankehit liiketoimintakehit
marketing 4
    markkinointivies markkinatutk verkkomarkkin digimarkkin
marketing 3
    markkinoin markkinointi brändi mainon mainos kampanja hakukone ~seo ~sem ~some sosiaalisenm
    sosiaalimed suoramarkkin tapahtumamark markkinointiauto somevast graafik graafin kasvumarkk
    tapahtumatuot brändäy mediasuunn mediaosta
marketing 2
    markkina markkinoiden tapahtuma visuaal
marketing 1
    digitaali? digitaalis? kasvu? matkailu? ~digi? digi?
communications 4
    viestintäpal
communications 3
    viestintä viestinnän viestintäj tiedottaj tiedotu tiedottam sisältö sisällön sisällöntuot
    ~pr lehdistö yhteiskuntasuh julkaisu päätoimit toimittaja toimitussih kääntäj käännö
    käännös kirjoittaj copywrit uutis journalis verkkotoimit sidosryhmä tulkk verkkoyhteisö
communications 2
    media median lehti lehden kustannustoim radio ~tv valokuv kuvaaj?
customer_service 4
    asiakaspalvelu asiakaspalvelij asiakastuki asiakastuen
customer_service 3
    asiakaskokemu asiakasneuvo asiakasmenest puhelinpalv yhteyskesk palveluneuv neuvontapalv
    asiakaskohtaam contact-center
customer_service 1
    palvelu? palvelun? palvelujen? palveluiden? palveluj?
projects 3
    hanke! hankkei! hankkeen! ~pmo scrum ketterä projektitoimist projektinjohto
projects 2
    projekti! projektin! projektien projektit ~ohjelma! ohjelmajoht salkunhal
education 4
    opettaj rehtori lehtori varhaiskasv opinto-ohj
education 3
    opetus opetuksen opetustoim opinto opintoj opintoasia oppilait esiopetu pedagog päiväkoti
    päiväkodin lukio lukion ammattikoulu ammattiopist peruskoulu kouluttaj kurssisih opiskelija
    opiskelu kasvatus koulunk tutkintov kouluisä aikuiskoul kansalaisopist koulutoim
    sivistystoim sivistysj sivistys oppimisympäristö päivähoi
education 2
    koulutus koulutuks koulu koulun oppimis oppimise yliopisto? ammattikorkea? valmennus?
    valmentaj? nuoriso? kurssi oppimateriaal
health 4
    lääkäri eläinlääk työterveys työterveyd
health 3
    terveys terveyde terveydenhuol sairaan sairaala sairaanh potila hammas suuhygien fysioterap
    terapeut terapia psykolog farmaseu proviisor kätilö hoiva hoivatyö kotihoi ensihoi
    lääketiet kuntoutu röntgen optikko optometr kliini lastensuojel sosiaalihuol vanhustyö
    vanhuspalv vammaispal mielenterv perushoi hoitotyö sosiaalityö sosiaalipal lähihoit sote
    ~sote bioanalyt kiropra osteopa hieroja radiograf toimintaterap puheterap diakoni
    palvelukoti palvelukodin palvelutalo hoivakoti hoivakodin apteek
health 2
    hoito hoidon sosiaali vanhus perhetyö ravitsemu laboratorio? asumispalvelu lääke?
research 3
    tutkimus tutkimuks tutkija tutkijan tiede tieteen tieteel tutkimusryh professori dosentti
    akatemia? tutkijatoh
administration 3
    arkisto kirjaamo kanslia asiakirjahal sihteeris toimistopal toimistohoi aulaemän
    vastaanottovir vastaanottosih johdonassis
administration 2
    toimisto toimiston asiakirja vastaanotto? ~aula
administration 1
    hallinto hallinnon hallinnol johdon matkapalvelu? virasto?
- 3
    kotitalou maatalou metsätalou kansantalou vesitalou liiketalou energiatalou porotalou
    kauppakamari kauppaopp kauppatiet ilmasota huoltovarmuus ympäristötalou varaamo
    päivittäistav toimittajav ravintola hotelli keittiö ruoka metsä museo kirjasto seurakun
    hiippakun urheilu liikunta kulttuuri musiikki teatteri taide kirkko eläin elokuva vaate
    muoti kukka puutarh ~auto konserni suomi suomen kansainväli pohjois etelä länsi keski
    vientien valtio valtion ministeri yritys yrityksen yritysasiakkaat kuluttaja henkilöasiak
    oppisopimu tietosanakirj ydin konkurssi pelastus mediaedust julkishallin puoluetoimist
"""

HEADS: Final = """
owner general_management 0
    yrittäjä omistaja perustaja osakas ~toiminimi pääomistaja perustajaosakas yrittäjäosakas
    liikkeenharjoittaja perustajajäsen elinkeinonharjoittaja puheenjohtaja? varapuheenjohtaja?
owner sales 2
    kauppias?
executive general_management 4
    toimitusjohtaja ~toimari ~tj ~tj. toiminnanjohtaja pääjohtaja konsernijohtaja
    kaupunginjohtaja kunnanjohtaja pormestari maakuntajohtaja hyvinvointialuejohtaja
    pääsihteeri toim.joht toimitusjoht
executive finance 3
    talousjohtaja taloushallintojohtaja
executive hr 3
    henkilöstöjohtaja hr-johtaja
executive it 3
    tietohallintojohtaja it-johtaja ict-johtaja
executive legal 3
    lakiasiainjohtaja lakijohtaja
executive administration 2
    ~hallintojohtaja
executive engineering 2
    teknologiajohtaja
director - 0
    johtaja pääluottamusjohtaja joht kirkkoherra osastonjohtaja
director general_management 1
    aluejohtaja maajohtaja liiketoimintajohtaja toimialajohtaja yksikönjohtaja piirijohtaja
    hotellinjohtaja toimialuejohtaja liiketoiminta-aluejohtaja divisioonajohtaja
    palvelualuejohtaja strategiajohtaja kehittämisaluejohtaja
director finance 3
    pankinjohtaja konttorinjohtaja
director production 3
    tehtaanjohtaja
director education 4
    rehtori dekaani päiväkodinjohtaja koulunjohtaja apulaisrehtori
director health 4
    ylilääkäri johtajaylilääkäri johtajalääkäri
director communications 4
    päätoimittaja
director sales 3
    asiakkuusjohtaja avainasiakasjohtaja
director projects 3
    projektijohtaja hankejohtaja ohjelmajohtaja
manager - 0
    päällikkö esimies esihenkilö esinainen tiiminvetäjä tiimivetäjä ryhmänvetäjä tiiminjohtaja
    tiimipäällikkö ryhmäpäällikkö vuorovastaava ryhmänjohtaja vetäjä lähiesimies keittiömestari
    ravintolapäällikkö hotellipäällikkö mestari intendentti tiimiesimies vuoropäällikkö
    pääkokki manageri pääll osastopäällikkö osastoesimies
manager general_management 1
    aluepäällikkö toimialapäällikkö yksikönpäällikkö liiketoimintapäällikkö maapäällikkö
    liiketoiminta-aluepäällikkö toimipaikkapäällikkö toimipistepäällikkö?
manager production 1
    työnjohtaja vuoromestari vuoroesimies käyttöpäällikkö tuotantomestari työmaapäällikkö?
    vastaavamestari? rakennusmestari? työmaamestari? ~työpäällikkö?
manager health 4
    osastonhoitaja ylihoitaja hallintoylihoitaja
manager facilities 3
    huoltomestari kiinteistömestari huoltoesimies kunnossapitomestari
manager administration 2
    kansliapäällikkö ~toimistopäällikkö ~hallintopäällikkö
manager sales 3
    myymälänhoitaja myymäläpäällikkö tavaratalopäällikkö
senior_specialist engineering 1
    arkkitehti?
senior_specialist software 3
    ohjelmistoarkkitehti sovellusarkkitehti
senior_specialist it 3
    järjestelmäarkkitehti kokonaisarkkitehti tietoverkkoarkkitehti pilviarkkitehti
    yritysarkkitehti it-arkkitehti ict-arkkitehti integraatioarkkitehti ratkaisuarkkitehti?
senior_specialist data 3
    data-arkkitehti tietoarkkitehti dataarkkitehti
senior_specialist legal 4
    tietosuojavastaava
senior_specialist research 4
    professori dosentti akatemiatutkija
senior_specialist education 4
    yliopettaja
senior_specialist hr 3
    pääluottamusmies?
specialist - 0
    asiantuntija vastaava konsultti neuvonantaja tarkastaja? valtuutettu erikoismies ohjaaja?
    selvittäjä kehittäjä? spesialisti fasilitaattori vastuuhenkilö yhteyshenkilö valvoja?
    teknikko asentaja mekaanikko kokki kampaaja parturi kosmetologi tuottaja valvomonhoitaja
    analyytikko agentti järjestäjä ammattilainen osaaja muusikko taiteilija pappi kappalainen
    toimihenkilö? ekonomisti laskija? arvioija arvostelija leipuri puutarhuri eläintenhoitaja
    laborantti kemisti biologi fyysikko valmentaja neuvoja strategi strategisti toimitsija?
    päivystäjä kontaktihenkilö evankelista kuraattori? virkamies? palomies upseeri konduktööri
    lentäjä näyttelijä näyttelijätär generalisti asiant pastori kansanedustaja
specialist engineering 1
    insinööri suunnittelija? konstruktööri piirtäjä maanmittari
specialist engineering 2
    sähköasentaja? sähköteknikko sähkömies? putkiasentaja? lvi-asentaja?
specialist engineering 1
    teknikko?
specialist facilities 1
    asentaja? mekaanikko? huoltoasentaja huoltoteknikko korjaaja?
specialist facilities 4
    isännöitsijä
specialist finance 4
    kirjanpitäjä tilintarkastaja controlleri controller tilinhoitaja? veroasiantuntija
    konsernicontroller talousneuvoja sijoitusneuvoja lainaneuvoja sijoitusanalyytikko
    rahoitusneuvottelija rahoitusneuvoja taloussuunnittelija kustannuslaskija?
specialist finance 3
    meklari? aktuaari kassanhallitsija varainhoitaja salkunhoitaja
specialist payroll 4
    palkanlaskija palkkakirjanpitäjä palkkahallinnoija
specialist hr 4
    rekrytoija luottamusmies? työhyvinvointivalmentaja
specialist it 3
    pääkäyttäjä ylläpitäjä järjestelmänvalvoja it-teknikko ict-teknikko
    tietojenkäsittelytieteilijä
specialist it 2
    atk-asiantuntija
specialist software 4
    ohjelmoija koodari testaaja ohjelmistokehittäjä sovelluskehittäjä ohjelmistosuunnittelija
    ohjelmistoinsinööri web-kehittäjä verkkosivusuunnittelija pelikehittäjä
specialist software 1
    kehittäjä?
specialist data 3
    data-analyytikko data-insinööri datatieteilijä tilastotieteilijä? matemaatikko?
specialist data 1
    analyytikko?
specialist legal 4
    lakimies juristi asianajaja tuomari syyttäjä notaari patenttiasiamies ~varatuomari
specialist procurement 4
    ostaja sisäänostaja hankkija
specialist logistics 4
    huolitsija ajojärjestelijä
specialist production 3
    koneistaja hitsaaja sorvaaja levyseppä? työkaluntekijä muovimekaanikko
specialist quality 3
    laaduntarkastaja laaduntarkkailija terveystarkastaja ympäristötarkastaja
    työsuojeluvaltuutettu
specialist quality 1
    tarkastaja? auditoija
specialist sales 4
    myyjä myyntiedustaja myyntineuvottelija myyntivastaava kiinteistönvälittäjä asuntomyyjä
    lkv? vakuutusmyyjä
specialist sales 2
    edustaja neuvottelija välittäjä? esittelijä? ~asiakasvastaava?
specialist marketing 3
    markkinoija graafikko mainostoimittaja brändivastaava somevastaava copywriter mediaostaja
    mediasuunnittelija
specialist communications 4
    tiedottaja toimittaja kääntäjä tulkki kirjoittaja sisällöntuottaja journalisti viestijä
    reportteri
specialist communications 2
    valokuvaaja? kuvaaja? kirjailija?
specialist customer_service 2
    ~palveluvastaava?
specialist rnd 2
    muotoilija? tuotekehittäjä kehitysinsinööri
specialist education 4
    opettaja lehtori kouluttaja luokanopettaja lastentarhanopettaja opinto-ohjaaja
    koulunkäynninohjaaja ammatinohjaaja tuntiopettaja erityisopettaja
    erityislastentarhanopettaja erityisluokanopettaja
specialist education 2
    kasvattaja opinto-ohjaaja valmentaja? nuoriso-ohjaaja?
specialist health 4
    lääkäri sairaanhoitaja terveydenhoitaja lähihoitaja terapeutti psykologi farmaseutti
    proviisori kätilö fysioterapeutti hammashoitaja suuhygienisti sosiaalityöntekijä
    ensihoitaja röntgenhoitaja optikko sosiaaliohjaaja bioanalyytikko perushoitaja hieroja
    psykiatri kirurgi mielenterveyshoitaja puheterapeutti laboratoriohoitaja erikoislääkäri
    erikoishammaslääkäri erikoissairaanhoitaja
specialist health 1
    hoitaja?
specialist research 4
    tutkija tutkijatohtori väitöskirjatutkija tohtorikoulutettava
specialist research 2
    kemisti? biologi? fyysikko? laborantti? geologi? tieteilijä historioitsija
support - 0
    koordinaattori assistentti sihteeri työntekijä avustaja harjoittelija apulainen tukihenkilö
    järjestelijä virkailija käsittelijä tallentaja emäntä tarjoilija apuri kesätyöntekijä
    kesätyöläinen opiskelija oppisopimusopiskelija työharjoittelija keittiöapulainen
support administration 1
    assistentti sihteeri toimistovirkailija toimistotyöntekijä vastaanottovirkailija
    arkistonhoitaja toimistonhoitaja johdonassistentti hallintosihteeri arkistosihteeri
support administration 2
    vahtimestari? lähetti? puhelunvälittäjä vaihteenhoitaja
support finance 4
    reskontranhoitaja laskuttaja perijä pankkitoimihenkilö? pankkivirkailija
support finance 2
    korvauskäsittelijä? kassanhoitaja? ~kassa?
support it 3
    it-tukihenkilö mikrotukihenkilö atk-tukihenkilö ict-tukihenkilö lähitukihenkilö helpdesk
support it 1
    tukihenkilö?
support security 4
    vartija järjestyksenvalvoja turvatarkastaja
support logistics 4
    varastonhoitaja varastomies varastotyöntekijä kuljettaja keräilijä trukinkuljettaja
    lastaaja lähettäjä? autonkuljettaja postinjakaja huolintavirkailija terminaalityöntekijä
    kuski
support production 3
    kokoonpanija operaattori prosessinhoitaja koneenhoitaja tuotantotyöntekijä pakkaaja
    koneenkäyttäjä tehdastyöntekijä prosessityöntekijä linjatyöntekijä maalari? ompelija
    rakennustyöntekijä?
support facilities 4
    kiinteistönhoitaja siivooja siistijä huoltomies talonmies laitoshuoltaja laitosmies
    kiinteistöhuoltaja huoltaja? toimitilahuoltaja
support customer_service 4
    asiakaspalvelija asiakasneuvoja palveluneuvoja asiakaspalveluneuvoja puhelinneuvoja
    asiakaspalvelusihteeri asiakaspalvelukoordinaattori asiakassihteeri
support sales 2
    myyntisihteeri myyntiassistentti myymälätyöntekijä kassamyyjä konsulentti?
    tuote-esittelijä?
support education 3
    koulunkäyntiavustaja
support health 3
    hoitoapulainen henkilökohtainen-avustaja? hoiva-avustaja välinehuoltaja
specialist finance 2
    laskentaekonomi ~pääekonomisti ekonomisti?
owner health 4
    apteekkari
"""

PHRASES: Final = """
executive engineering 2
    tekninen johtaja; teknologiasta vastaava johtaja; teknisen toimen johtaja
executive general_management 3
    operatiivinen johtaja; operatiivisen toiminnan johtaja; seutujohtaja
executive general_management 4 deputy
    toimitusjohtajan sijainen; toimitusjohtajan varamies
executive hr 3
    henkilöstöasioiden johtaja; henkilöstöasiain johtaja
executive it 3
    tietohallinnon johtaja
executive legal 3
    lakiasioiden johtaja; lakiasiain johtaja
executive administration 2
    hallinnon johtaja; hallinnollinen johtaja
owner general_management 0 board
    hallituksen puheenjohtaja; hallituksen pj; hallituksen pj.; hallituksen varapuheenjohtaja
owner general_management 0 board member
    hallituksen jäsen; hallituksen varajäsen; hallitusammattilainen; johtokunnan jäsen;
    hallitustyö
- hr 3
    osaamisen kehittäminen; osaamisen kehittämisen; osaamisen johtaminen
- data 3
    tiedolla johtaminen; tiedolla johtamisen; tiedon hallinta; big data; data ja analytiikka
- legal 3
    eu oikeus
- it 4
    tekninen tuki it; it tuki; ict tuki; it tuen; atk tuki
- marketing 3
    sosiaalinen media; sosiaalisen median; graafinen suunnittelu
specialist marketing 3
    graafinen suunnittelija; graafinen muotoilija; visuaalinen suunnittelija
- quality 3
    kestävä kehitys; kestävän kehityksen; jatkuvan parantamisen
- sales 3
    liiketoiminnan kehittäminen; liiketoiminnan kehityksen; liiketoiminnan kehitys;
    liiketoiminnan kehittämisen
manager sales 3
    liiketoiminnan kehityspäällikkö; liiketoiminnan kehittämispäällikkö
specialist finance 4
    sisäinen tarkastaja; ulkoinen tarkastaja; sisäisen tarkastuksen asiantuntija
- finance 3
    sisäinen tarkastus; sisäisen tarkastuksen; sisäinen laskenta; sisäisen laskennan; ulkoisen
    laskennan
director health 4
    johtava lääkäri; johtava ylilääkäri; vastaava lääkäri; johtava eläinlääkäri; johtava
    hammaslääkäri
manager health 4
    johtava hoitaja; johtava sosiaalityöntekijä
senior_specialist health 4
    vastaava sairaanhoitaja; vastaava hoitaja
manager production 2 doubt
    vastaava mestari; vastaava työnjohtaja
support health 3
    henkilökohtainen avustaja
support administration 3
    toimitusjohtajan assistentti; johdon assistentti; johdon sihteeri; toimitusjohtajan
    sihteeri
- - 0 former
    jäänyt eläkkeelle
specialist software 3
    full stack kehittäjä; front end kehittäjä; back end kehittäjä
specialist projects 3
    scrum master
director sales 3
    liiketoiminnan kehitysjohtaja; liiketoiminnan kehittämisjohtaja
specialist sales 2 doubt
    liiketoiminnan kehittäjä
- sales 3 flat
    key account
"""

# Words that change a role instead of naming one.
SENIOR: Final = "johtava vanhempi seniori pää kokenut erityis ylin lead"
DEPUTY: Final = "varamies sijainen apulais"
ACTING: Final = """
    vt vt. v.t. v.t ma. m.a. m.a virkaatekevä väliaikainen määräaikainen vs vs. v.s va.
    tuuraaja
"""
FORMER: Final = """
    entinen ent ent. ex eläkkeellä eläkeläinen emeritus emerita eläköitynyt eläkkeelle ex.
    entisenä
"""
BOARD: Final = "hallituksen"
# Degrees and certificates, noise beside a title.
DEGREES: Final = """
    ktm kt ktt di dipl.ins dipl.ins. dipl.insinööri tkt tkl tkk fm ft fil fl vtm vtt ktk otk
    otm varatuomari htm hm ym yht yamk amk tradenomi merkonomi kauppatieteiden maisteri
    medianomi restonomi datanomi artenomi kht ht jht hts akt mmt mmm ell hll kkt ktl jhtt lkv
    tri ylempi
"""
PREFIXES: Final[dict[str, str]] = {
    "pää": "senior",
    "yli": "senior",
    "erikois": "senior",
    "erityis": "senior",
    "vara": "deputy",
    "apulais": "deputy",
    "ex-": "former",
    "vt-": "acting",
    "seniori": "senior",
}

# Words that say nothing about the role, so that a title with them is still read in full.
KNOWN: Final = """
    sekä suomi suomen helsinki tampere turku oulu espoo vantaa lahti kuopio jyväskylä
    pohjoismaat eurooppa baltia konserni konsernin yritys oy oyj ab ry tmi alueen alueella
    strateginen operatiivinen vuoro päivä oma uusi globaali kansainvälinen nuorempi junior
    juniori itsenäinen vapaa freelance osa aikainen jäsen tiimi tiimin ryhmä ryhmän osasto
    osaston yksikkö toiminta toiminnan toimintojen toiminnot ala alan työ pk kunta kaupunki
    etelä itä länsi pohjois keski uusimaa pirkanmaa asioiden asiat asia tehtävät palvelut
    vaativa yleinen paikallinen ammatti virallinen julkinen sektori linjan johtoryhmän
    johtoryhmä valtakunnallinen toimialan hallinta hallinnan hallinnasta vastuualue johtaminen
    johtamisen päätoiminen sivutoiminen kaupunginhallituksen valtuuston
"""
