package windows

// KMSClientKey is Microsoft's public KMS client setup key (GVLK) of a product
// and edition. editionID is the WIM's EDITIONID ("ServerStandard",
// "Professional"). False when there is none: evaluation editions have no key.
func KMSClientKey(p Product, editionID string) (string, bool) { return "", false }
