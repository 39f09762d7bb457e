package udf

import "time"

// decodeTime reads a timestamp, 1/7.3. A malformed one is the zero time.
func decodeTime(b []byte) time.Time {
	kind := le.Uint16(b)
	year, month, day := int(le.Uint16(b[2:])), int(b[4]), int(b[5])
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return time.Time{}
	}
	minutes := int(int16(kind<<4) >> 4)
	zone := time.UTC
	if kind>>12 == 1 && minutes != 0 && minutes >= -1440 && minutes <= 1440 {
		zone = time.FixedZone("", minutes*60)
	}
	nano := int(b[9])*10_000_000 + int(b[10])*100_000 + int(b[11])*1000
	return time.Date(year, time.Month(month), day, int(b[6]), int(b[7]), int(b[8]), nano, zone)
}

// encodeTime writes t in UTC.
func encodeTime(t time.Time) [12]byte {
	t = t.UTC()
	var b [12]byte
	le.PutUint16(b[:], 1<<12)
	le.PutUint16(b[2:], uint16(t.Year()))
	b[4], b[5], b[6], b[7], b[8] = byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second())
	us := t.Nanosecond() / 1000
	b[9], b[10], b[11] = byte(us/10000), byte(us/100%100), byte(us%100)
	return b
}
