package embedded

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// dictionary1 is a zstd dictionary of number 1, trained on FHIR JSON (train.go says how). A store keeps the number
// with each body, so a dictionary may be added but never changed.
//
//go:embed dictionary1.zdict
var dictionary1 []byte

// bodies compresses and decompresses; it may be used by several goroutines.
//
// A body is stored as a byte for how, and then: the bytes themselves, or the size of the bytes and a zstd frame
// without its four magic bytes.
type bodies struct {
	enc *zstd.Encoder
	dec *zstd.Decoder

	space sync.Pool // *[]byte, frames with their magic
}

const (
	bodyRaw  = 0
	bodyZstd = 1 // with the dictionary that the frame names
)

var magic = [4]byte{0x28, 0xB5, 0x2F, 0xFD}

func newBodies(concurrency int) (*bodies, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderDict(dictionary1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(concurrency), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10), zstd.WithNoEntropyCompression(true))
	if err != nil {
		return nil, fmt.Errorf("make the encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderDicts(dictionary1), zstd.WithDecoderConcurrency(concurrency),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return nil, fmt.Errorf("make the decoder: %w", err)
	}
	return &bodies{enc: enc, dec: dec, space: sync.Pool{New: func() any { return new([]byte) }}}, nil
}

func (b *bodies) close() {
	b.enc.Close()
	b.dec.Close()
}

// append appends the stored form of a body.
func (b *bodies) append(dst, body []byte) []byte {
	start := len(dst)
	dst = binary.AppendUvarint(append(dst, bodyZstd), uint64(len(body)))
	frame := len(dst)
	dst = b.enc.EncodeAll(body, dst)
	if len(dst)-start > len(body) {
		return append(append(dst[:start], bodyRaw), body...)
	}
	return append(dst[:frame], dst[frame+len(magic):]...)
}

// read gives the body in memory of its own.
func (b *bodies) read(stored []byte) ([]byte, error) {
	if len(stored) == 0 {
		return nil, errRecord
	}
	switch stored[0] {
	case bodyRaw:
		return append([]byte(nil), stored[1:]...), nil
	case bodyZstd:
		size, n := binary.Uvarint(stored[1:])
		if n <= 0 || size > 1<<30 {
			return nil, errRecord
		}
		space := b.space.Get().(*[]byte)
		defer b.space.Put(space)
		*space = append(append((*space)[:0], magic[:]...), stored[1+n:]...)
		return b.dec.DecodeAll(*space, make([]byte, 0, size))
	}
	return nil, errRecord
}
