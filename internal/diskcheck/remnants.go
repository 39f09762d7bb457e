package diskcheck

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/ntfs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/remnant"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

const secretRemnant = "secret-remnant"

// maxSearchers bounds the readers of the search: each decompresses on a core of
// its own and keeps some MiB.
const maxSearchers = 8

// checkRemnants searches everything that is allocated in the image for the
// build's secrets, whatever file system structures say: a deleted answer file
// lies in free clusters until something else is written there.
//
// What it finds is a warning, not a failure. Windows may keep a copy where no
// seal reaches: in the slack of a registry hive, in the page file, in the
// journal of NTFS.
func (c *checker) checkRemnants() {
	const object = "the disk"
	if len(c.want.Secrets) == 0 {
		return
	}
	short := 0
	for _, s := range c.want.Secrets {
		if !remnant.Usable(s) {
			short++
		}
	}
	if short > 0 {
		c.add(secretRemnant, handoff.Warning, object, fmt.Sprintf("%d of the %d secrets of the build are shorter than %d characters and cannot be told from chance", short, len(c.want.Secrets), remnant.Shortest),
			"give longer passwords, or none: the plugin then makes random ones")
	}
	matcher := remnant.NewMatcher(c.want.Secrets)
	if matcher.Empty() {
		return
	}
	hits, searched, err := c.search(matcher)
	if err != nil {
		c.unknown(secretRemnant, object, err)
		return
	}
	if len(hits) > 0 {
		c.reportRemnants(hits)
		return
	}
	if short == 0 {
		c.ok(secretRemnant, object, fmt.Sprintf("no secret of the build in %d MiB of allocated clusters", searched>>20))
	}
}

func (c *checker) search(matcher *remnant.Matcher) ([]remnant.Hit, int64, error) {
	extents, total, err := c.disk.allocated(c.ctx)
	if err != nil {
		return nil, 0, err
	}
	var readers []io.ReaderAt
	for range min(runtime.GOMAXPROCS(0), maxSearchers) {
		// The reader of qcow2 images is not made for several goroutines.
		f, err := os.Open(c.path)
		if err != nil {
			return nil, 0, err
		}
		defer f.Close()
		disk, err := openImage(f, c.fileSize)
		if err != nil {
			return nil, 0, err
		}
		defer func() { _ = disk.close() }()
		readers = append(readers, disk.data)
	}
	var progress func(int64)
	if c.want.Progress != nil {
		progress = func(done int64) { c.want.Progress(done, total) }
	}
	hits, err := remnant.Search(c.ctx, matcher, readers, extents, progress)
	return hits, total, err
}

// remnantPlace is a kind of place with its remedy.
type remnantPlace struct{ object, remedy string }

const (
	remnantTrim = "the seal trims drive C: at its end: see whether it said that it could not, and whether the disk's bus and the storage pool pass discards on"
	remnantFile = "find out what writes it there; a provisioner of the template may"
)

// reportRemnants makes one finding for each kind of place.
func (c *checker) reportRemnants(hits []remnant.Hit) {
	places, err := c.placesOf(hits)
	if err != nil {
		places = make([]remnantPlace, len(hits))
		for i := range places {
			places[i] = remnantPlace{"the disk", fmt.Sprintf("drive C: does not tell what lies there (%v); ", err) + remnantTrim}
		}
	}
	var kinds []remnantPlace
	at := map[remnantPlace][]remnant.Hit{}
	for i, p := range places {
		if !slices.Contains(kinds, p) {
			kinds = append(kinds, p)
		}
		at[p] = append(at[p], hits[i])
	}
	const most = 20
	for i, kind := range kinds {
		if i == most {
			c.add(secretRemnant, handoff.Warning, "the disk", fmt.Sprintf("%d more places of other kinds", len(kinds)-most), remnantFile)
			return
		}
		list := at[kind]
		var forms []string
		for _, h := range list {
			if !slices.Contains(forms, h.Form) {
				forms = append(forms, h.Form)
			}
		}
		number := fmt.Sprint(len(list))
		if len(hits) >= remnant.MaxHits {
			number = "at least " + number
		}
		c.add(secretRemnant, handoff.Warning, kind.object, fmt.Sprintf("holds a password of the build as %s, %s times, first at byte %d of the disk", strings.Join(forms, " and "), number, list[0].At), kind.remedy)
	}
}

// placesOf says where hits lie, by the partition table and drive C:'s NTFS.
func (c *checker) placesOf(hits []remnant.Hit) ([]remnantPlace, error) {
	places := make([]remnantPlace, len(hits))
	var inside []int
	var offsets []int64
	var drive *partition
	for i := range hits {
		p := c.partitionAt(hits[i].At)
		switch {
		case p == nil:
			places[i] = remnantPlace{"the disk outside of its partitions", "was the disk used before?"}
		case c.windows == nil || p.start != c.home.start:
			places[i] = remnantPlace{p.String(), remnantFile}
		default:
			drive = p
			inside = append(inside, i)
			offsets = append(offsets, hits[i].At-p.start)
		}
	}
	if drive == nil {
		return places, nil
	}
	found, err := c.windows.Places(offsets)
	if err != nil {
		return nil, err
	}
	for n, i := range inside {
		places[i] = driveC(found[n])
	}
	return places, nil
}

func (c *checker) partitionAt(off int64) *partition {
	if c.table == nil {
		return nil
	}
	for i, p := range c.table.partitions {
		if off >= p.start && off < p.start+p.size {
			return &c.table.partitions[i]
		}
	}
	return nil
}

// driveC is what a place on drive C: means.
func driveC(p ntfs.Place) remnantPlace {
	path := strings.ToLower(p.Path)
	object := `C:\` + p.Path
	switch {
	case p.Free:
		return remnantPlace{"free clusters of drive C:", remnantTrim}
	case p.Path == "":
		return remnantPlace{"clusters of drive C: that no file names", remnantTrim}
	case path == "pagefile.sys" || path == "swapfile.sys" || path == "hiberfil.sys":
		return remnantPlace{object, "memory of the build that Windows wrote out; cleanup { page_file = true } builds without a page file"}
	case strings.HasPrefix(path, strings.ToLower(config)):
		return remnantPlace{object, "a cell that the registry has freed and not used again; change the password where it is used elsewhere too"}
	case strings.HasPrefix(path, "$"):
		return remnantPlace{object, "a small file that was deleted, whose record NTFS has not used again; change the password where it is used elsewhere too"}
	}
	return remnantPlace{object, remnantFile}
}
