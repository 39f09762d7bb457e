package windows

import (
	"errors"
	"time"
)

// TimeZone is one time zone under both of its names.
type TimeZone struct {
	// Windows is the name Windows knows ("Korea Standard Time").
	Windows string
	// IANA is the tz database's name ("Asia/Seoul").
	IANA string

	location *time.Location
}

// LookupTimeZone finds a zone by its Windows name or any IANA name, in any case.
func LookupTimeZone(name string) (TimeZone, error) {
	return TimeZone{}, errors.New("not yet")
}

// OffsetAt is the zone's distance from UTC at a moment, east positive.
func (z TimeZone) OffsetAt(t time.Time) time.Duration { return 0 }
