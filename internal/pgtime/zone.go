package pgtime

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must not depend on the machine

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// maxZoneName bounds the names that are looked up and cached.
const (
	maxZoneName  = 64
	maxZoneCache = 4096
)

var zones struct {
	sync.Mutex
	byName map[string]*time.Location // lower case; nil: unknown
}

// LoadZone finds a time zone by name, without regard to case: an IANA name, or
// POSIX's NAME[+-]HH[:MM[:SS]] without daylight rules, whose sign is positive
// west of Greenwich. It fails with 22023.
func LoadZone(name string) (*time.Location, error) {
	if loc := findZone(strings.ToLower(name)); loc != nil {
		return loc, nil
	}
	return nil, pgerr.New(pgerr.InvalidParameterValue, "time zone \"%s\" not recognized", name)
}

// ZoneOrAbbrev finds the zone argument of AT TIME ZONE: an abbreviation (EST),
// an offset or a zone's name. It fails with 22023.
func ZoneOrAbbrev(name string) (*time.Location, error) {
	low := strings.ToLower(name)
	if off, ok := abbrevs[low]; ok {
		return time.FixedZone(strings.ToUpper(name), off), nil
	}
	if z, ok := zoneAbbrevs[low]; ok {
		return LoadZone(z)
	}
	return LoadZone(name)
}

func findZone(low string) *time.Location {
	if low == "" || len(low) > maxZoneName || strings.Contains(low, "..") || low == "local" {
		return nil
	}
	if low == "utc" {
		return time.UTC
	}
	zones.Lock()
	defer zones.Unlock()
	loc, known := zones.byName[low]
	if known {
		return loc
	}
	for _, n := range spellings(low) {
		if l, err := time.LoadLocation(n); err == nil {
			loc = l
			break
		}
	}
	if loc == nil {
		loc = posixZone(low)
	}
	if zones.byName == nil || len(zones.byName) >= maxZoneCache {
		zones.byName = map[string]*time.Location{}
	}
	zones.byName[low] = loc
	return loc
}

// spellings guesses the capitals of a zone's name.
func spellings(low string) []string {
	t := []byte(low)
	for i := range t {
		if i == 0 || t[i-1] == '/' || t[i-1] == '_' || t[i-1] == '-' {
			t[i] = upper(t[i])
		}
	}
	title := strings.NewReplacer("_Of_", "_of_", "_Es_", "_es_", "-Au-", "-au-", "Mcmurdo", "McMurdo",
		"Dumontdurville", "DumontDUrville", "Gmt", "GMT", "Utc", "UTC", "Us/", "US/", "Easterisland", "EasterIsland").Replace(string(t))
	return []string{title, strings.ToUpper(low), "Etc/" + title, low}[:2]
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c &^ 0x20
	}
	return c
}

// abbrevOffset is the offset that abbreviation abb (lower case) last had in loc
// at or before ts, or else first had after; it looks at a bounded number of
// changes.
func abbrevOffset(abb string, ts int64, loc *time.Location) (int, bool) {
	if abb == "" {
		return 0, false
	}
	at := time.Unix(floorDiv(ts, Second)+unixSeconds, 0).In(loc)
	for _, forward := range []bool{false, true} {
		t := at
		for range 50 {
			name, off := t.Zone()
			if strings.EqualFold(name, abb) {
				return off, true
			}
			start, end := t.ZoneBounds()
			if forward {
				t = end
			} else {
				t = start.Add(-time.Second)
			}
			if start.IsZero() && !forward || end.IsZero() && forward {
				break
			}
		}
	}
	return 0, false
}

// posixZone reads NAME[+-]HH[:MM[:SS]], where NAME is anything up to a digit,
// sign or comma, or <anything>.
func posixZone(low string) *time.Location {
	i := strings.IndexAny(low, "0123456789,+-")
	if i < 0 {
		return nil
	}
	name := low[:i]
	if low[0] == '<' {
		if i = strings.IndexByte(low, '>') + 1; i == 0 {
			return nil
		}
		name = low[1 : i-1]
	}
	rest := low[i:]
	if rest == "" {
		return nil
	}
	sign := -1
	if rest[0] == '+' || rest[0] == '-' {
		if rest[0] == '-' {
			sign = 1
		}
		rest = rest[1:]
	}
	secs, unit := 0, 3600
	for k, p := range strings.Split(rest, ":") {
		x, left := leadInt(p)
		if p == "" || left != "" || k > 2 || k == 0 && x > 167 || k > 0 && x > 59 {
			return nil
		}
		secs += int(x) * unit
		unit /= 60
	}
	return time.FixedZone(strings.ToUpper(name), sign*secs)
}

// abbrevs are the fixed abbreviations of PostgreSQL's Default set, in seconds
// east of Greenwich.
var abbrevs = func() map[string]int {
	m := map[string]int{}
	add := func(list string) {
		for _, e := range strings.Fields(list) {
			name, val, _ := strings.Cut(e, "=")
			x, _ := leadInt(strings.TrimPrefix(val, "-"))
			if val[0] == '-' {
				x = -x
			}
			m[name] = int(x)
		}
	}
	add(`gmt=0 uct=0 ut=0 utc=0 z=0 zulu=0 wet=0 cet=3600 met=3600 mez=3600 eet=7200 fet=10800
		eat=10800 sast=7200 wat=3600 act=-18000 akst=-32400 bot=-14400 bra=-10800 brt=-10800 cot=-18000
		cst=-21600 egt=-3600 est=-18000 fnt=-7200 gft=-10800 mst=-25200 nft=-12600 nst=-12600 pet=-18000
		pmst=-10800 pst=-28800 uyt=-10800 wgt=-10800 ddut=36000 aft=16200 almt=21600 amt=-14400 bdt=21600
		bnt=28800 bort=28800 btt=21600 cct=28800 hkt=28800 ict=25200 irt=12600 ist=7200 jayt=32400 jst=32400
		kst=32400 mmt=23400 myt=28800 npt=20700 pht=28800 pkt=18000 tjt=18000 uzt=18000 xjt=21600 ast=-14400
		azot=-3600 acsst=37800 acst=34200 acwst=31500 aest=36000 awst=28800 cast=34200 lhst=37800 ligt=36000
		nzt=43200 wast=25200 cxt=25200 mut=14400 mvt=18000 ret=14400 sct=14400 tft=18000 chast=45900
		chut=36000 fjt=43200 galt=-21600 gamt=-32400 gilt=43200 hst=-36000 mart=-34200 mht=43200 mpt=36000
		nzst=43200 pgt=36000 pont=39600 pwt=32400 taht=-36000 tot=46800 trut=36000 tvt=43200 vut=39600
		wakt=43200 wft=43200 yapt=36000`)
	add(`akdt=-28800 brst=-7200 cdt=-18000 clst=-10800 edt=-14400 egst=0 fnst=-3600 mdt=-21600 ndt=-9000
		pdt=-25200 pmdt=-7200 pyst=-10800 uyst=-7200 wgst=-7200 almst=25200 idt=10800 kdt=36000 kgst=21600
		pkst=21600 ulast=32400 uzst=21600 adt=-10800 azost=0 acdt=37800 aesst=39600 aedt=39600 awsst=32400
		cadt=37800 sadt=37800 wadt=28800 wdt=32400 bst=3600 bdst=7200 cest=7200 cetdst=7200 eest=10800
		eetdst=10800 mest=7200 mesz=7200 metdst=7200 msd=14400 wetdst=3600 must=18000 chadt=49500 fjst=46800
		nzdt=46800`)
	return m
}()

// zoneAbbrevs are the abbreviations that stand for whatever a zone used then.
var zoneAbbrevs = map[string]string{
	"art": "America/Argentina/Buenos_Aires", "arst": "America/Argentina/Buenos_Aires", "clt": "America/Santiago",
	"gyt": "America/Guyana", "pyt": "America/Asuncion", "vet": "America/Caracas", "davt": "Antarctica/Davis",
	"mawt": "Antarctica/Mawson", "amst": "Asia/Yerevan", "anast": "Asia/Anadyr", "anat": "Asia/Anadyr",
	"azst": "Asia/Baku", "azt": "Asia/Baku", "gest": "Asia/Tbilisi", "get": "Asia/Tbilisi",
	"irkst": "Asia/Irkutsk", "irkt": "Asia/Irkutsk", "kgt": "Asia/Bishkek", "krast": "Asia/Krasnoyarsk",
	"krat": "Asia/Krasnoyarsk", "lkt": "Asia/Colombo", "magst": "Asia/Magadan", "magt": "Asia/Magadan",
	"novst": "Asia/Novosibirsk", "novt": "Asia/Novosibirsk", "omsst": "Asia/Omsk", "omst": "Asia/Omsk",
	"petst": "Asia/Kamchatka", "pett": "Asia/Kamchatka", "sgt": "Asia/Singapore", "tmt": "Asia/Ashgabat",
	"ulat": "Asia/Ulaanbaatar", "vlast": "Asia/Vladivostok", "vlat": "Asia/Vladivostok", "yakst": "Asia/Yakutsk",
	"yakt": "Asia/Yakutsk", "yekst": "Asia/Yekaterinburg", "yekt": "Asia/Yekaterinburg", "fkst": "Atlantic/Stanley",
	"fkt": "Atlantic/Stanley", "lhdt": "Australia/Lord_Howe", "msk": "Europe/Moscow", "volt": "Europe/Volgograd",
	"iot": "Indian/Chagos", "ckt": "Pacific/Rarotonga", "easst": "Pacific/Easter", "east": "Pacific/Easter",
	"kost": "Pacific/Kosrae", "lint": "Pacific/Kiritimati", "nut": "Pacific/Niue", "tkt": "Pacific/Fakaofo",
}
