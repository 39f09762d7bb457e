package libvirtapi

// Volume is a file in a pool.
type Volume struct {
	Pool       string
	Name       string
	Path       string // on libvirt's host
	Format     string // "qcow2", "raw", "iso" …
	Capacity   uint64 // bytes, as the guest sees it
	Allocation uint64 // bytes on disk
	Physical   uint64 // bytes of the file: what a download gives
}

// VolumeSpec is a volume to be made.
type VolumeSpec struct {
	Name     string
	Format   string // "qcow2" or "raw"
	Capacity uint64 // bytes, as the guest sees it; for raw, and for a file that will be uploaded, the file's size
	Mode     string // octal permissions, "0600" when empty
}

// Progress is told how many bytes are done. It is called from the transfer's goroutine,
// at most a few times a second, and once more at the end.
type Progress func(done int64)
