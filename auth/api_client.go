package auth

import (
	"context"
	"errors"
	"net/http"
	"time"
)

func (s *Server) apiClients(ctx context.Context, _ *http.Request) (int, any, error) {
	list, err := s.Clients(ctx)
	out := []map[string]any{}
	for _, c := range list {
		out = append(out, c.told())
	}
	return http.StatusOK, out, err
}

// told is a client for administrators.
func (c *Client) told() map[string]any {
	out := c.members()
	out["client_id"] = c.ID
	out["created"] = c.Created
	for name, yes := range map[string]bool{"verified": c.Verified, "pending": c.Pending, "introspects": c.Introspects, "anyLoopback": c.AnyLoopback} {
		if yes {
			out[name] = true
		}
	}
	if c.By != "" {
		out["by"] = c.By
	}
	if c.AutoApprove != "" {
		out["autoApprove"] = c.AutoApprove
	}
	return out
}

// declared is a client as an administrator writes it.
type declared struct {
	Metadata
	ID          string `json:"client_id"`
	Secret      string `json:"client_secret"`
	Introspects bool   `json:"introspects"`
	AutoApprove string `json:"autoApprove"`
	Verified    *bool  `json:"verified"`
	Pending     bool   `json:"pending"`
}

func (d *declared) client() Client {
	return Client{ID: d.ID, Metadata: d.Metadata, Introspects: d.Introspects, AutoApprove: d.AutoApprove, Pending: d.Pending,
		Verified: d.Verified == nil || *d.Verified, By: "administrator"}
}

func (s *Server) apiAddClient(ctx context.Context, r *http.Request) (int, any, error) {
	var in declared
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Secret != "" {
		return 0, nil, errorf(invalidRequest, "a new client is given its secret: PUT it with one of your own")
	}
	c, secret, err := s.NewClient(ctx, in.client())
	if err != nil {
		return 0, nil, err
	}
	out := c.told()
	if secret != "" {
		out["client_secret"] = secret
	}
	return http.StatusCreated, out, nil
}

func (s *Server) apiClient(ctx context.Context, r *http.Request) (int, any, error) {
	c, _, ok, err := s.clients.get(ctx, r.PathValue("id"))
	if err != nil || !ok {
		return 0, nil, errors.Join(err, ErrAbsent)
	}
	return http.StatusOK, c.told(), nil
}

func (s *Server) apiPutClient(ctx context.Context, r *http.Request) (int, any, error) {
	var in declared
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	id := r.PathValue("id")
	if in.ID == "" {
		in.ID = id
	}
	if in.ID != id {
		return 0, nil, errorf(invalidRequest, "client_id is not that of the path")
	}
	c := in.client()
	if old, _, ok, err := s.clients.get(ctx, id); err != nil {
		return 0, nil, err
	} else if ok {
		c.AnyLoopback, c.By = old.AnyLoopback, old.By
	}
	if err := s.PutClient(ctx, c, in.Secret); err != nil {
		return 0, nil, err
	}
	return s.apiClient(ctx, r)
}

func (s *Server) apiRemoveClient(ctx context.Context, r *http.Request) (int, any, error) {
	if _, _, ok, err := s.clients.get(ctx, r.PathValue("id")); err != nil || !ok {
		return 0, nil, errors.Join(err, ErrAbsent)
	}
	return 0, nil, s.RemoveClient(ctx, r.PathValue("id"))
}

// apiSecret gives a client a new secret; the one before it stays good for a while unless the body says otherwise.
func (s *Server) apiSecret(ctx context.Context, r *http.Request) (int, any, error) {
	secret, wrong := s.secret(), false
	_, err := s.clients.change(ctx, r.PathValue("id"), func(c *Client, ok bool) (bool, time.Time) {
		if wrong = !ok || c.AuthMethod != authBasic && c.AuthMethod != authPost; wrong {
			return false, time.Time{}
		}
		c.Secrets = append([]string{digest(secret)}, c.Secrets...)
		c.Secrets = c.Secrets[:min(2, len(c.Secrets))]
		return true, time.Time{}
	})
	if err == nil && wrong {
		err = ErrAbsent
	}
	return http.StatusCreated, map[string]any{"client_id": r.PathValue("id"), "client_secret": secret}, err
}
