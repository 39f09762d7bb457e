package windows

// zoneBuilds are the time zones that came with updates after 2016 (Microsoft's
// "Daylight Saving Time & Time Zone Blog" announced each), and the first builds
// of Windows taken to have them from the start. No page lists those builds: each
// is the first one released after the announcement, and media of an older build
// have the zone where Microsoft has put that year's updates in. So they are good
// for a warning and for nothing more.
var zoneBuilds = map[string]int{
	"Saratov Standard Time":     15063, // 2017
	"Magallanes Standard Time":  16299, // 2017
	"Sudan Standard Time":       17134, // 2017
	"Sao Tome Standard Time":    17763, // 2018
	"Qyzylorda Standard Time":   18362, // 2019
	"Volgograd Standard Time":   18362, // 2018
	"South Sudan Standard Time": 19043, // 2021
	"Yukon Standard Time":       19043, // 2021
}

// FirstBuild is the first released build of Windows that has the zone from the
// start, 0 for one that all supported versions have. Setup stops in the pass
// specialize at a zone that its Windows has not.
func (z TimeZone) FirstBuild() int { return zoneBuilds[z.Windows] }
