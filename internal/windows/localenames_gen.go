//go:build ignore

// Command localenames_gen writes localenames.txt out of a locale.nls in the
// format of Windows 10, such as Wine's, which follows [MS-LCID]:
//
//	apt-get install libwine
//	go run localenames_gen.go /usr/share/wine/nls/locale.nls > localenames.txt
package main

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"slices"
	"unicode/utf16"
)

// former are locales that the file leaves out, although their language
// identifiers are those of keyboards that Windows still has ([MS-LCID] 2.2).
var former = []locale{{"sr-Cyrl-CS", 0x0c1a}, {"sr-Latn-CS", 0x081a}, {"tzm-Tfng-MA", 0x105f}}

type locale struct {
	name string
	id   uint16
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: localenames_gen locale.nls")
	}
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	le := binary.LittleEndian
	table := file[le.Uint32(file[16:]):]
	if string(table[12:16]) != "NSDS" {
		log.Fatal("no locale table where Windows 10 has it")
	}
	count, size, first := int(le.Uint16(table[32:])), int(le.Uint16(table[34:])), le.Uint32(table[36:])
	strings := table[le.Uint32(table[64:]):]
	locales := slices.Clone(former)
	for i := range count {
		row := table[int(first)+i*size:][:size]
		specific := le.Uint16(row[0x18:]) != 0
		text := strings[2*le.Uint32(row):]
		name := make([]uint16, le.Uint16(text))
		for k := range name {
			name[k] = le.Uint16(text[2+2*k:])
		}
		if specific && len(name) > 0 { // the invariant locale has none
			locales = append(locales, locale{string(utf16.Decode(name)), le.Uint16(row[8:])})
		}
	}
	slices.SortFunc(locales, func(a, b locale) int { return cmp.Compare(a.name, b.name) })
	fmt.Println("# Locale of Windows 10 and later, its language identifier; 1000 where it has none of")
	fmt.Println("# its own. [MS-LCID] 2.2, as in Wine's locale.nls; made by localenames_gen.go.")
	for _, l := range slices.Compact(locales) {
		fmt.Printf("%s %04x\n", l.name, l.id)
	}
}
