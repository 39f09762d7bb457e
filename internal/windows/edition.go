package windows

import "strings"

// BaseEdition is a server's edition id without the ending that says that it has
// no desktop: ServerStandardCor and ServerStandardEvalCor, as DISM and some media
// call what is installed (Microsoft, "GetProductInfo":
// PRODUCT_STANDARD_SERVER_CORE), and ServerStandardCore, as a WIM's FLAGS do. The
// registry of the same Windows has ServerStandard, beside the InstallationType
// "Server Core", and Microsoft's WIMs have that too. A client's Core is an edition
// of its own, Home, and stays.
func BaseEdition(editionID string) string {
	lower := strings.ToLower(editionID)
	if !strings.HasPrefix(lower, "server") {
		return editionID
	}
	for _, ending := range []string{"core", "cor"} {
		if base := len(lower) - len(ending); strings.HasSuffix(lower, ending) && base > len("server") {
			return editionID[:base]
		}
	}
	return editionID
}

// SameEdition tells whether two edition ids name one edition, be it with or
// without the ending of Server Core.
func SameEdition(a, b string) bool { return strings.EqualFold(BaseEdition(a), BaseEdition(b)) }

// IsEvaluation tells an evaluation edition by its EDITIONID
// ("ServerStandardEval", "EnterpriseSEval", "ServerStandardEvalCor").
func IsEvaluation(editionID string) bool {
	return strings.HasSuffix(strings.ToLower(BaseEdition(editionID)), "eval")
}
