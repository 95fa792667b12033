package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/firewarden/firewarden/store"
)

// Algorithms are those that a Ring signs by.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256}

// Ring are the signing keys of the server. Its methods may be called by several goroutines.
type Ring struct {
	o    Options
	seal seal

	loading sync.Mutex // held while the store is read: an older answer never replaces a newer one
	mu      sync.RWMutex
	keys    []*key // newest first
	loaded  time.Time
}

// Options are what a Ring needs. KV is required.
type Options struct {
	KV  store.KV
	Now func() time.Time // nil is time.Now
	// Secret encrypts the private keys in the store; "" leaves them as they are, and then whoever reads the store can sign.
	// All servers on a store have the same.
	Secret string
}

const bucket = "signing-key"

const (
	announced = 24 * time.Hour  // from when a key is published to when it signs: what others cache a JWK Set for
	kept      = 48 * time.Hour  // from when a key signs no more to when it is gone: longer than what it signed lives
	reload    = time.Second / 2 // how long a key that another server has withdrawn counts here
)

// record is a key as it is kept.
type record struct {
	Algorithm string    `json:"alg"`
	Private   []byte    `json:"pkcs8,omitempty"`
	Sealed    []byte    `json:"sealed,omitempty"` // or the same, encrypted
	From      time.Time `json:"from"`             // it signs from then on
}

type key struct {
	id      string
	alg     jose.SignatureAlgorithm
	from    time.Time
	private crypto.Signer
	public  jose.JSONWebKey
	signers sync.Map // by typ: jose.Signer
}

// Open reads the keys that the store has, and makes those that it lacks.
func Open(ctx context.Context, o Options) (*Ring, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Ring{o: o, seal: newSeal(o.Secret)}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	if err := r.encrypt(ctx); err != nil {
		return nil, err
	}
	for _, alg := range algorithms {
		if r.signing(alg) != nil {
			continue
		}
		if err := r.add(ctx, alg, o.Now()); err != nil {
			return nil, err
		}
	}
	return r, r.load(ctx)
}

func (r *Ring) add(ctx context.Context, alg jose.SignatureAlgorithm, from time.Time) error {
	var private crypto.Signer
	var err error
	if alg == jose.RS256 {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	return keep(ctx, r.o.KV, r.seal, string(alg), private, from)
}

// Keep adds a private key to what a Ring reads.
func Keep(ctx context.Context, kv store.KV, alg string, private crypto.Signer, from time.Time) error {
	return keep(ctx, kv, seal{}, alg, private, from)
}

func keep(ctx context.Context, kv store.KV, s seal, alg string, private crypto.Signer, from time.Time) error {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("keep a signing key: %w", err)
	}
	sum := sha256.Sum256(der)
	id := strings.ToLower(alg) + "-" + base64.RawURLEncoding.EncodeToString(sum[:9])
	value, err := json.Marshal(s.close(id, record{Algorithm: alg, Private: der, From: from.UTC().Truncate(time.Second)}))
	if err != nil {
		return fmt.Errorf("keep a signing key: %w", err)
	}
	if _, err := kv.Put(ctx, store.Record{Bucket: bucket, Key: id, Value: value}, store.AnyVersion); err != nil {
		return fmt.Errorf("keep a signing key: %w", err)
	}
	return nil
}

// load reads the store. Keys that it has read before stay the same objects.
func (r *Ring) load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	return r.read(ctx)
}

// read is load while loading is held.
func (r *Ring) read(ctx context.Context) error {
	begun := r.o.Now()
	list, err := r.o.KV.List(ctx, bucket, "", "", 1000)
	if err != nil {
		return fmt.Errorf("read the signing keys: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []*key
	for _, rec := range list {
		if i := slices.IndexFunc(r.keys, func(k *key) bool { return k.id == rec.Key }); i >= 0 {
			keys = append(keys, r.keys[i])
			continue
		}
		k, err := r.readKey(rec)
		if err != nil {
			return fmt.Errorf("read signing key %s: %w", rec.Key, err)
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b *key) int {
		if c := b.from.Compare(a.from); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	r.keys, r.loaded = keys, begun
	return nil
}

func (r *Ring) readKey(rec store.Record) (*key, error) {
	var v record
	if err := json.Unmarshal(rec.Value, &v); err != nil {
		return nil, err
	}
	v, err := r.seal.open(rec.Key, v)
	if err != nil {
		return nil, err
	}
	private, err := x509.ParsePKCS8PrivateKey(v.Private)
	if err != nil {
		return nil, err
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("it cannot sign")
	}
	k := &key{id: rec.Key, alg: jose.SignatureAlgorithm(v.Algorithm), from: v.From, private: signer}
	k.public = jose.JSONWebKey{Key: signer.Public(), KeyID: k.id, Algorithm: v.Algorithm, Use: "sig"}
	return k, nil
}

// signing is the key that signs now, nil if there is none.
func (r *Ring) signing(alg jose.SignatureAlgorithm) *key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.o.Now()
	for _, k := range r.keys {
		if k.alg == alg && !k.from.After(now) {
			return k
		}
	}
	return nil
}

// find is the key of that id, nil if there is none.
func (r *Ring) find(id string) *key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// Public is the JWK Set that others verify by.
func (r *Ring) Public(ctx context.Context) (jose.JSONWebKeySet, error) {
	if err := r.refresh(ctx); err != nil {
		return jose.JSONWebKeySet{}, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var set jose.JSONWebKeySet
	for _, k := range r.keys {
		set.Keys = append(set.Keys, k.public)
	}
	return set, nil
}

// refresh reads the store again if that was long ago: another server on it may have made keys, and old ones end.
func (r *Ring) refresh(ctx context.Context) error {
	if !r.old() {
		return nil
	}
	r.loading.Lock()
	defer r.loading.Unlock()
	if !r.old() { // somebody else has just read it
		return nil
	}
	return r.read(ctx)
}

func (r *Ring) old() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.o.Now().Sub(r.loaded) >= reload
}

// Sign makes a JWT of claims by alg (RS256 or ES256), with typ in its header.
func (r *Ring) Sign(ctx context.Context, alg, typ string, claims any) (string, error) {
	if err := r.refresh(ctx); err != nil {
		return "", err
	}
	k := r.signing(jose.SignatureAlgorithm(alg))
	if k == nil {
		return "", fmt.Errorf("sign a token: there is no key for %s", alg)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	signer, err := k.signer(typ)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed.CompactSerialize()
}

func (k *key) signer(typ string) (jose.Signer, error) {
	if s, ok := k.signers.Load(typ); ok {
		return s.(jose.Signer), nil
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: jose.JSONWebKey{Key: k.private, KeyID: k.id}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err == nil {
		k.signers.Store(typ, s)
	}
	return s, err
}

// ErrInvalid is every token that we did not sign, whatever is wrong with it.
var ErrInvalid = errors.New("the token is not one of ours")

// Has says whether the key of that id is still one of the ring: what it has signed counts as long.
func (r *Ring) Has(ctx context.Context, id string) (bool, error) {
	err := r.refresh(ctx)
	return err == nil && r.find(id) != nil, err
}

// Verify reads the claims of a token that this server signed, of that typ. It looks at nothing but the signature, and
// gives the id of the key that made it.
func (r *Ring) Verify(ctx context.Context, token, typ string, claims any) (id string, err error) {
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return "", ErrInvalid
	}
	h := signed.Signatures[0].Protected
	k := r.find(h.KeyID)
	if k == nil { // another server may just have made it
		if err := r.load(ctx); err != nil {
			return "", err
		}
		if k = r.find(h.KeyID); k == nil {
			return "", ErrInvalid
		}
	}
	if got, _ := h.ExtraHeaders[jose.HeaderType].(string); string(k.alg) != h.Algorithm || !strings.EqualFold(got, typ) {
		return "", ErrInvalid
	}
	payload, err := signed.Verify(k.public.Key)
	if err != nil || json.Unmarshal(payload, claims) != nil {
		return "", ErrInvalid
	}
	return k.id, nil
}
