package auth

import (
	"context"
	"errors"
	"net/http"
)

func (s *Server) apiUsers(ctx context.Context, _ *http.Request) (int, any, error) {
	list, err := s.Users(ctx)
	if list == nil {
		list = []User{}
	}
	return http.StatusOK, list, err
}

func (s *Server) apiAddUser(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		Name          string `json:"name"`
		Display       string `json:"display"`
		FHIRUser      string `json:"fhirUser"`
		Policy        string `json:"policy"`
		Password      string `json:"password"`
		Administrator bool   `json:"administrator"`
		Links         []Link `json:"links"`
	}
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	if err := checkPassword(in.Password); err != nil {
		return 0, nil, err
	}
	u := User{Name: in.Name, Display: in.Display, FHIRUser: in.FHIRUser, Policy: in.Policy, Administrator: in.Administrator, Links: in.Links}
	if err := s.AddUser(ctx, u, in.Password); err != nil {
		return 0, nil, err
	}
	return s.userNamed(ctx, u.Name, http.StatusCreated)
}

func (s *Server) apiUser(ctx context.Context, r *http.Request) (int, any, error) {
	return s.userNamed(ctx, r.PathValue("name"), http.StatusOK)
}

func (s *Server) userNamed(ctx context.Context, name string, status int) (int, any, error) {
	u, _, ok, err := s.users.get(ctx, name)
	if err != nil || !ok {
		return 0, nil, errors.Join(err, ErrAbsent)
	}
	u.Password = ""
	return status, u, nil
}

// apiPutUser makes a user be as the body says; the password stays where it says none.
func (s *Server) apiPutUser(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		User
		Password string `json:"password"`
	}
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	name := r.PathValue("name")
	if _, _, ok, err := s.users.get(ctx, name); err != nil || !ok {
		return 0, nil, errors.Join(err, ErrAbsent)
	}
	if in.Name != "" && in.Name != name {
		return 0, nil, errorf(invalidRequest, "name is not that of the path")
	}
	if in.Password != "" {
		if err := checkPassword(in.Password); err != nil {
			return 0, nil, err
		}
	}
	in.User.Name = name
	if err := s.PutUser(ctx, in.User, in.Password); err != nil {
		return 0, nil, err
	}
	return s.userNamed(ctx, name, http.StatusOK)
}

func (s *Server) apiRemoveUser(ctx context.Context, r *http.Request) (int, any, error) {
	return 0, nil, s.RemoveUser(ctx, r.PathValue("name"))
}

func (s *Server) apiPassword(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		Password string `json:"password"`
	}
	if err := body(r, &in); err != nil {
		return 0, nil, err
	}
	return 0, nil, s.SetPassword(ctx, r.PathValue("name"), in.Password)
}
