package windows

import "errors"

// Locale is what an answer file says of one Windows display language.
type Locale struct {
	// Tag is the language as Windows writes it ("ko-KR").
	Tag string
	// SetupInput is the keyboard for the windowsPE pass ("0412:00000412");
	// WinPE has no IMEs.
	SetupInput string
	// Input is the keyboard or IME for oobeSystem.
	Input string
	// LayeredDriver is the keyboard hardware that WinPE must be told, or 0:
	// 6 is the Japanese 106-key keyboard.
	LayeredDriver int
	// GeoID is Windows' number of the country.
	GeoID int
	// TimeZone is the default zone, by its Windows name.
	TimeZone string
	// Administrator is the name of the built-in account (RID 500) on an
	// image of this language, "" when it is not known for certain.
	Administrator string
}

// LookupLocale finds a locale by its tag, in any case.
func LookupLocale(tag string) (Locale, error) { return Locale{}, errors.New("not yet") }
