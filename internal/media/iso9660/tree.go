package iso9660

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

// File is a file to write.
type File struct {
	// Path is relative, with slashes.
	Path string
	// Size is in bytes, less than 4 GiB.
	Size int64
	Open func() (io.ReadCloser, error)
}

// node is a file or directory of the tree; both trees of the disc share it.
type node struct {
	name     string
	parent   *node
	children []*node
	index    map[string]*node // by udf.Fold of the name
	file     *File            // nil for a directory
	ids      [2][]byte
	sector   [2]uint32 // of the extent, in either tree
	size     [2]uint32
	number   [2]uint16 // of a directory, in either path table
}

// The two trees of the disc.
const (
	plain  = 0
	joliet = 1
)

func buildTree(files []File) (*node, error) {
	root := &node{}
	for i := range files {
		f := &files[i]
		if f.Size < 0 || f.Size >= 1<<32-sectorSize {
			return nil, fmt.Errorf("%s: %d bytes, ISO 9660 holds less than 4 GiB a file", f.Path, f.Size)
		}
		at := root
		elements := strings.Split(f.Path, "/")
		for k, name := range elements {
			if name == "" || name == "." || name == ".." {
				return nil, fmt.Errorf("%q is not a relative path", f.Path)
			}
			last := k == len(elements)-1
			found := at.child(name)
			switch {
			case found != nil && (last || found.file != nil):
				return nil, fmt.Errorf("%s: there are two files of that name", f.Path)
			case found == nil:
				found = at.add(name)
			}
			if last {
				found.file = f
			}
			at = found
		}
	}
	root.parent = root
	return root, root.identify()
}

func (n *node) child(name string) *node { return n.index[udf.Fold(name)] }

func (n *node) add(name string) *node {
	if n.index == nil {
		n.index = map[string]*node{}
	}
	c := &node{name: name, parent: n}
	n.index[udf.Fold(name)], n.children = c, append(n.children, c)
	return c
}

// identify gives every node its identifier in both trees.
func (n *node) identify() error {
	slices.SortFunc(n.children, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	taken := map[string]int{}
	for _, c := range n.children {
		id := shortName(c.name, c.file == nil, taken)
		if c.file != nil {
			id += ";1"
		}
		c.ids[plain] = []byte(id)
		u := utf16.Encode([]rune(c.name))
		if len(u) > 64 {
			return fmt.Errorf("%s: a name of %d characters, Joliet holds 64", c.name, len(u))
		}
		for _, x := range u {
			c.ids[joliet] = append(c.ids[joliet], byte(x>>8), byte(x))
		}
		if err := c.identify(); err != nil {
			return err
		}
	}
	return nil
}

// shortName makes a name of level 1: 8.3 characters of A-Z, 0-9 and _. taken has
// the names of the directory, with the last number that was tried behind each.
func shortName(name string, dir bool, taken map[string]int) string {
	clean := func(s string, limit int) string {
		var b strings.Builder
		for _, r := range strings.ToUpper(s) {
			if b.Len() == limit {
				break
			}
			if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				b.WriteRune(r)
			} else {
				b.WriteByte('_')
			}
		}
		return b.String()
	}
	stem, extension := name, ""
	if dot := strings.LastIndexByte(name, '.'); !dir && dot > 0 {
		stem, extension = name[:dot], clean(name[dot+1:], 3)
	}
	base := clean(stem, 8)
	join := func(base string) string {
		if dir {
			return base
		}
		return base + "." + extension
	}
	id, first := join(base), join(base)
	for {
		if _, found := taken[id]; !found {
			break
		}
		taken[first]++
		suffix := strconv.Itoa(taken[first])
		id = join(base[:min(len(base), 8-len(suffix))] + suffix)
	}
	taken[id] = 0
	return id
}

// directories gives the tree's directories as a path table orders them: by
// level, then by parent, then by identifier. It numbers them.
func (n *node) directories(tree int) []*node {
	out := []*node{n}
	for i := 0; i < len(out); i++ {
		out[i].number[tree] = uint16(i + 1)
		out = append(out, out[i].sorted(tree, true)...)
	}
	return out
}

// sorted gives a directory's children in the order of a tree.
func (n *node) sorted(tree int, onlyDirs bool) []*node {
	var out []*node
	for _, c := range n.children {
		if !onlyDirs || c.file == nil {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *node) int { return bytes.Compare(a.ids[tree], b.ids[tree]) })
	return out
}
