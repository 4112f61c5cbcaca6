"""English words of job titles. A stem is read at the start of a word only: English writes apart."""

from typing import Final

LANGUAGE: Final = "en"
COMPOUNDS: Final = False

STEMS: Final = """
general_management 1
    business? strategy operations? ~operation? operational? region regional? country area unit
    division ~divisional subsidiary corporate? general cluster? territory? transformation?
    district
finance 3
    finance financial accounting accounts bookkeep treasury tax taxation audit auditing credit
    invoic billing payable receivable ledger budget controlling collections investment investor
    fund funds fp&a m&a banking bank wealth asset loan loans mortgage actuar underwrit
    securities cost ~ifrs fiscal accountancy equity pension
finance 2
    risk? insurance? claims? trading? capital
payroll 4
    salary salaries
hr 3
    ~hr ~hrd ~hrm ~hrbp people talent recruit recruitment recruiting personnel hiring workforce
    employee employer ~human wellbeing well-being staffing onboarding compensation? benefits?
    rewards? remuneration? competence outplacement workplace? employment
it 3
    ~it ~ict infrastructure cloud network networks sysadmin server servers database databases
    helpdesk servicedesk telecom erp ~sap ~crm? itsm m365 azure aws ~salesforce? workstation
    telecommunications datacenter servicenow computer
it 2
    system systems platform? integration integrations information? technologies?
software 3
    software programm frontend front-end backend back-end fullstack full-stack devops ~qa web
    developer ~mobile ~ios ~android java javascript python ~.net dotnet react node angular php
    ~ui ~ux ~ux/ui ~ui/ux embedded ~sre ~game games coding coder application applications ~app
    firmware blockchain ~api mlops
software 2
    test testing tester usability
data 3
    ~data analytics ~bi ~ai ~ml machine-learning big-data dataops datawarehouse insights
    insight database-market
data 2
    statistic statistics statistical intelligence analysis?
security 3
    security cyber cybersecurity infosec ~guard surveillance penetration pentest
quality 4
    ~hse ~hseq ~ehs ~qhse ~sheq ~ehsq ~qehs ~esg ~csr ~qa/qc ~qc
quality 3
    quality environment environmental sustainab safety ~csr circular climate decarboni
    regulatory? inspection? responsibility
legal 3
    legal law compliance privacy contract contracts gdpr ~ip patent attorney litigation counsel
    paralegal intellectual judicial notar solicitor
procurement 3
    procurement purchas sourcing buyer buying supplier suppliers vendor tender? purchase
procurement 2
    category! commodity! categories
logistics 3
    logistic warehouse warehousing transport transportation freight shipping supply-chain
    distribution forwarding customs fleet dispatch inventory ~stock shipment trucking cargo
    fulfilment fulfillment
logistics 2
    supply traffic materials? material? delivery? terminal port? ~import spare?
production 3
    production manufactur plant factory assembly shift? foundry welding mill machining workshop
production 2
    process operations-excellence lean construction? site? mine mining fabrication
facilities 4
    maintenance
facilities 3
    facilit property properties premises real-estate realestate housekeeping cleaning janitor
    caretaker housing leasing? building? estate
facilities 2
    repair field-service rental?
engineering 2
    electrical electronic electronics automation mechanical structural hvac civil robotics
    instrumentation architectural design-engineer hardware hydraulic piping surveying
    geotechnical ~cad
engineering 1
    technical technology engineering engineer mechanic? energy? chemical design? planning? tech
rnd 3
    ~r&d ~rd ~rdi innovation product-development ~npd
rnd 1
    development? product!? products? prototype ventures? concept?
sales 3
    sales selling key-account! export exports commercial presales pre-sales retail store shop
    dealer channel wholesale ecommerce merchandis ~kam! revenue? bid tenders? telesales
    aftermarket bizdev commerce ~account!
sales 2
    client! customer! clients partner? partners? partnerships? partnership? alliance?
    alliances? aftersales solution? solutions?
marketing 3
    marketing advertis campaign ~seo ~sem social-media crm-market growth? demand-gen promotion
    martech creative? demand? marcom ~brand ~brands ~branding
marketing 2
    event events graphic market markets? ~adwords
marketing 1
    digital? tourism?
communications 3
    communication ~pr press ~editor editorial content copywrit journalis translation translat
    interpret spokes public-relations publishing publication stakeholder
communications 2
    media photograph? ~news
customer_service 3
    customer-service contact-center ~cx ~csm!
customer_service 1
    service? services? support? care?
projects 3
    ~pmo scrum agile ~epmo
projects 2
    project! projects program! programme! programs portfolio?
education 3
    education educational teach school academic? curriculum kindergarten lectur tutor pedagog
    student students university? childcare
education 2
    training? learning? coach? coaching?
health 3
    health healthcare medical clinical clinic nurs patient hospital physician surg dental
    dentist pharmac therap physio physiotherap psycholog social-work midwi optometr ~radio
    radiograph rehabilitation veterinary occupational-health elderly psychiat
health 2
    laborator? nutrition?
research 3
    research scientific science scientist
administration 3
    office archiv secretarial reception
administration 1
    administrative administration admin
- 3
    restaurant hotel kitchen food museum librar sport sports music theatre film fashion
    agricultur forest animal hospitality travel church government ministry group catering ~spa
payroll 5
    payroll wage wages
"""

HEADS: Final = """
owner general_management 0
    founder cofounder co-founder owner co-owner entrepreneur shareholder proprietor
    self-employed partner
executive general_management 4
    ceo president md coo
executive finance 4
    cfo cro?
executive hr 4
    chro
executive it 4
    cio
executive data 4
    cdo?
executive engineering 4
    cto
executive security 4
    ciso cso?
executive marketing 4
    cmo
executive procurement 4
    cpo?
executive sales 4
    cco?
executive legal 4
    clo
executive administration 4
    cao?
director - 0
    director head vp svp avp dir dir.
executive - 0
    evp
director education 4
    headmaster principal? provost
director communications 4
    editor-in-chief
manager - 0
    manager supervisor teamlead mgr mgr. chief? superintendent foreman foreperson leader
senior_specialist - 0
    lead
senior_specialist engineering 1
    architect?
senior_specialist legal 4
    dpo
senior_specialist research 4
    professor prof prof. dos dos. docent
senior_specialist hr 3
    hrbp
specialist - 0
    specialist expert consultant officer executive representative agent advisor adviser
    technician? planner? inspector? producer strategist? evangelist ambassador freelancer chef
    hairdresser instructor? associate professional generalist fellow? facilitator member
    trader? broker? cook artist musician actor detective police firefighter pilot consulting
    rep investigator
specialist engineering 1
    engineer designer? technician? technologist? drafter surveyor
specialist engineering 2
    electrician? plumber?
specialist finance 4
    accountant controller bookkeeper auditor treasurer underwriter actuary
specialist hr 4
    recruiter headhunter
specialist it 3
    sysadmin
specialist software 3
    developer programmer tester coder webmaster? sdet
specialist data 1
    analyst?
specialist research 3
    scientist researcher
specialist research 2
    chemist? biologist? physicist? geologist? historian? mathematician? economist?
specialist legal 4
    lawyer attorney counsel solicitor paralegal judge prosecutor barrister notary
specialist procurement 4
    buyer purchaser
specialist logistics 3
    forwarder dispatcher
specialist production 3
    welder machinist toolmaker?
specialist sales 3
    salesman salesperson saleswoman seller merchandiser kam realtor
specialist marketing 3
    marketer copywriter
specialist communications 3
    editor journalist translator interpreter writer spokesperson
specialist communications 2
    photographer?
specialist customer_service 4
    csm
specialist projects 3
    pm
specialist education 4
    teacher lecturer educator tutor
specialist education 2
    trainer? coach?
specialist health 4
    nurse physician doctor? dentist pharmacist therapist psychologist physiotherapist midwife
    surgeon veterinarian optician optometrist radiographer psychiatrist paramedic
specialist health 2
    counsellor? counselor?
specialist facilities 1
    mechanic? repairer? installer? fitter?
support - 0
    assistant coordinator co-ordinator trainee intern clerk worker administrator apprentice
    attendant helper waiter waitress secretary student? labourer aide
support administration 1
    assistant secretary clerk administrator receptionist ea pa
support logistics 4
    driver storekeeper courier picker forklift-operator
support production 2
    operator assembler packer labourer?
support facilities 4
    cleaner janitor caretaker handyman housekeeper
support security 3
    guard
support sales 2
    cashier? promoter?
"""

PHRASES: Final = """
executive general_management 4
    managing director; executive director; chief executive; chief executive officer; chief
    operating officer; chief operations officer; general director; group ceo; chief strategy
    officer; chief transformation officer; chief business officer
executive general_management 4 deputy
    deputy ceo; deputy managing director; vice ceo; deputy director general
executive finance 4
    chief financial officer; chief finance officer; chief investment officer; chief risk
    officer
executive hr 4
    chief human resources officer; chief people officer; chief hr officer; chief talent officer
executive it 4
    chief information officer
executive it 4 doubt
    chief digital officer
executive data 4
    chief data officer; chief analytics officer; chief ai officer
executive engineering 4
    chief technology officer; chief technical officer
executive rnd 4
    chief innovation officer; chief research officer; chief science officer; chief scientific
    officer
executive rnd 4 doubt
    chief product officer; chief development officer
executive security 4
    chief information security officer; chief security officer
executive marketing 4
    chief marketing officer; chief brand officer; chief growth officer
executive communications 4
    chief communications officer; chief communication officer; chief content officer
executive procurement 4
    chief procurement officer; chief purchasing officer
executive logistics 4
    chief supply chain officer; chief logistics officer
executive sales 4
    chief commercial officer; chief sales officer; chief revenue officer
executive customer_service 4
    chief customer officer; chief experience officer; chief customer experience officer
executive legal 4
    chief legal officer; chief compliance officer; chief privacy officer; general counsel;
    group general counsel
executive quality 4
    chief sustainability officer; chief quality officer; chief safety officer
executive administration 4
    chief administrative officer; chief administration officer
executive health 4
    chief medical officer
director health 4
    chief physician; medical director; chief surgeon
manager health 4
    head nurse; charge nurse; nurse manager; ward manager
executive - 0
    executive vice president
director - 0
    vice president; senior vice president; assistant vice president; senior vp; group vp;
    senior director; associate director
director general_management 1
    country manager; country director; regional director; area director; business director;
    country head
director general_management 1 doubt
    operations director; director of operations; head of operations
manager general_management 1
    general manager; area manager; regional manager; business manager; unit manager; branch
    manager; business area manager; district manager
manager production 1 doubt
    operations manager; operation manager; operational manager
owner general_management 0 board
    chairman of the board; chair of the board; chairman; chairwoman; chairperson; board chair;
    chairman of board; chair of board; board chairman; vice chairman of the board; executive
    chairman
owner general_management 0 board member
    board member; member of the board; member of board; board director; non executive director;
    non-executive director; independent director; board professional; member of the board of
    directors
owner general_management 0
    business owner; company owner; founding partner; managing partner; founding member; co
    founder; senior partner; equity partner
senior_specialist hr 3
    hr business partner; people partner; hr partner; people business partner; human resources
    business partner
senior_specialist finance 3
    finance business partner; business partner finance; financial business partner
senior_specialist - 0
    business partner
senior_specialist finance 4
    chief accountant; principal accountant
senior_specialist - 0
    chief specialist; chief advisor; chief consultant; senior advisor; senior adviser
senior_specialist engineering 1
    chief engineer; principal engineer; chief designer
senior_specialist legal 4
    data protection officer; data privacy officer; privacy officer
senior_specialist software 3
    tech lead; software architect; technical lead; lead developer; cloud application architect
senior_specialist it 3
    enterprise architect; it architect; cloud architect; system architect; systems architect;
    network architect; infrastructure architect; integration architect
senior_specialist it 3 doubt
    solution architect; solutions architect
senior_specialist data 3
    data architect
senior_specialist security 3
    security architect
manager - 0
    team lead; team leader; group leader; shift manager; shift leader; team manager; assistant
    manager; group manager
manager sales 3
    store manager; shop manager; business development manager; retail manager
specialist sales 3
    account manager; key account manager; account executive; client manager; client executive;
    customer manager; global account manager; strategic account manager; relationship manager;
    partner manager; sales engineer; business development executive; business development
    specialist; sales representative; business development representative; client partner;
    sales executive; sales agent; real estate agent; estate agent
director sales 3
    account director; client director; business development director
director customer_service 3
    customer success director; customer experience director; head of customer success
specialist customer_service 4
    customer success manager; customer success specialist; client success manager
- customer_service 4
    customer service; customer services; customer support; customer care; customer success;
    customer experience; client service; client services; contact center; contact centre; call
    center; call centre; customer relations; guest service; guest services
support customer_service 4
    customer service representative; customer service agent; customer service advisor; customer
    service assistant; customer support agent; customer support representative; customer
    advisor; customer service adviser
specialist projects 3
    project manager; program manager; programme manager; technical project manager; scrum
    master; agile coach; project leader; project lead
director projects 3
    program director; programme director; project director
specialist rnd 1 doubt
    product manager; product owner; product specialist; technical product manager
specialist procurement 3
    category manager; commodity manager; category specialist
specialist - 0
    process owner; system owner; service owner; platform owner; community manager
specialist communications 2 doubt
    community manager
manager facilities 3 doubt
    service manager
manager administration 3
    office manager
support administration 3
    executive assistant; personal assistant; management assistant; office assistant;
    administrative assistant; assistant to; secretary to; front desk; office administrator;
    office coordinator; virtual assistant
support it 4
    it support; ict support; help desk; service desk; it helpdesk; it support specialist; it
    support technician; it support engineer; desktop support; support engineer; support
    technician; technical support; it support person; data centre operator; data center
    operator
support finance 4
    accounts payable clerk; accounts receivable clerk; accounting assistant; billing clerk;
    accounting clerk; bank clerk; invoice clerk
support logistics 4
    warehouse worker; warehouse operative; warehouse operator; truck driver; forklift operator;
    forklift driver; warehouse employee; warehouse associate
support production 3
    machine operator; production worker; process operator; production operator
specialist it 3
    system administrator; systems administrator; network administrator; database administrator;
    it administrator; network engineer; it specialist; cloud engineer
specialist software 3
    qa engineer; test engineer; ux designer; ui designer; ux/ui designer; ui/ux designer;
    software engineer; site reliability engineer; quality assurance engineer; automation
    tester; ux researcher; product designer; web designer; game designer; computer scientist
specialist data 3
    data analyst; business intelligence analyst; data scientist; data engineer; machine
    learning engineer; ai engineer; bi developer; data steward; business intelligence
    developer; data specialist
specialist data 2 doubt
    business analyst
specialist it 2 doubt
    system analyst; systems analyst; systems engineer; system engineer
specialist finance 4
    financial analyst; business controller; financial controller; internal auditor; credit
    analyst; investment manager; fund manager; portfolio manager; investment analyst; tax
    advisor; tax specialist; group treasurer
specialist legal 4
    legal counsel; compliance officer
specialist hr 4
    talent acquisition specialist; talent acquisition partner; talent partner
- hr 4
    human resources; human resource; human relations; human capital; people operations; people
    and culture; people & culture; p&c; talent acquisition; talent management; talent
    development; employee experience; employer branding; labor relations; labour relations;
    organizational development; learning & development; learning and development; l&d;
    industrial relations
- it 3
    information technology; information systems; information management; information system;
    business systems; business applications; data center; data centre; end user; it operations;
    it service; it services; it infrastructure
- software 3
    full stack; front end; back end; software development; software engineering; web
    development; game development; software quality; quality engineering; application
    development; platform engineering; mobile development; software qa; user experience; user
    interface
- data 3
    artificial intelligence; machine learning; business intelligence; big data; data science;
    data engineering; data management; data governance; data & analytics; data and analytics;
    data warehouse
- security 4
    information security; cyber security; it security; data security; cloud security; network
    security; application security; ict security; corporate security
- legal 4
    data protection; data privacy; intellectual property; legal affairs; corporate law; company
    secretary
- finance 4
    accounts payable; accounts receivable; general ledger; internal audit; internal control;
    record to report; order to cash; purchase to pay; financial planning; mergers and
    acquisitions; investor relations; corporate finance; private equity; venture capital;
    credit control
- procurement 4
    strategic sourcing; supplier management; vendor management; indirect procurement; category
    management; supply management; source to pay
- logistics 4
    supply chain; inside logistics; demand planning; supply planning; customs clearance; order
    management; material handling; fleet management; import export
- quality 4
    quality assurance; quality control; health and safety; health & safety; health safety; work
    safety; occupational safety; occupational health and safety; food safety; product safety;
    corporate responsibility; social responsibility; environmental health; regulatory affairs;
    management systems
- rnd 4
    research and development; research & development; product development; new product
    development; technology development; r & d; r and d; product innovation
- rnd 1 doubt
    product management
- sales 3
    business development; inside sales; sales operations; sales support; e commerce; field
    sales; business sales; sales enablement; partner sales; after sales; real estate sales; pre
    sales
- marketing 4
    digital marketing; social media; product marketing; content marketing; demand generation;
    marketing communications; marketing automation; search engine; performance marketing;
    market research; growth marketing; brand management; marketing operations; media planner;
    media planning; media buying
specialist marketing 3
    graphic designer; art director; visual designer
- communications 4
    public relations; public affairs; corporate communications; internal communications;
    external communications; media relations; corporate communication; government affairs;
    government relations; external affairs; stakeholder relations; technical writing; technical
    communication
- facilities 4
    real estate; field service; property management; facility management; facilities
    management; technical service; building services
- projects 3
    project management; project office; project portfolio; program management; project
    management office
- engineering 2
    hardware design; mechanical design; electrical design; process engineering
- health 4
    occupational health; public health; health care; social work; social services; home care;
    patient care; medical affairs; clinical trial; elderly care; mental health
- administration 2
    office management; general administration
- general_management 1
    business unit; business area; business line; business operations?; general management;
    business management
specialist health 4
    social worker; dental hygienist; dental nurse; registered nurse; practical nurse;
    occupational therapist; speech therapist
support health 3
    personal carer; care assistant; nursing assistant
specialist - 0
    personal trainer; police officer; real-estate agent
manager administration 1 doubt
    chief of staff
- sales 3 flat
    key account; key accounts; account management
specialist logistics 4
    demand planner; supply planner
"""

# Words that change a role instead of naming one.
SENIOR: Final = "senior sr sr. lead principal leading advanced distinguished"
DEPUTY: Final = "deputy vice substitute"
ACTING: Final = "acting interim temporary"
FORMER: Final = "former ex retired previously past formerly"
BOARD: Final = "board"
# Degrees and certificates, noise beside a title.
DEGREES: Final = """
    mba emba e.mba ph.d ph.d. phd msc m.sc m.sc. bsc b.sc b.sc. ba b.a llm ll.m ll.b dr dr.
    d.sc cpa cia cisa cissp cism pmp ipma cscp itil jd bba ma rn m.a m.ed b.eng m.eng meng
    prince2 acca csm®
"""
PREFIXES: Final[dict[str, str]] = {}

# Words that say nothing about the role, so that a title with them is still read in full.
KNOWN: Final = """
    the a an global nordic nordics finland sweden emea apac dach europe european baltics
    international group corporate junior jr jr. strategic regional local team national
    scandinavia americas america usa uk us norway denmark estonia worldwide new key certified
    independent north south east west northern southern eastern western helsinki tampere turku
    oulu espoo stockholm full time part remote virtual company ltd inc oy ab internal external
    enterprise department of board member first second level i ii iii management relations
    affairs function solutions large accounts b2b b2c saas public private sector industry
    industrial field
"""
