// SPDX-License-Identifier: Apache-2.0

// A HashiCorp Vault in memory, as tests/services/vault_itself.py wants it: its core and its HTTP, and the engines and logins that coffer knows,
// without what else the program has.  Prints its address, its root token and the key that unseals it, and ends with its standard input.
package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	log "github.com/hashicorp/go-hclog"
	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// What is built in is given to the core; there are no plugins to look for.
type noPlugins struct{}

func (noPlugins) Contains(string, consts.PluginType) bool { return true }
func (noPlugins) Get(string, consts.PluginType) (func() (interface{}, error), bool) {
	return nil, false
}
func (noPlugins) Keys(consts.PluginType) []string { return nil }
func (noPlugins) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	logger := log.New(&log.LoggerOptions{Output: os.Stderr, Level: log.Error})
	store, err := inmem.NewInmem(nil, logger)
	must(err)
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:        store,
		DisableMlock:    true,
		Logger:          logger,
		BuiltinRegistry: noPlugins{},
		LogicalBackends: map[string]logical.Factory{"transit": transit.Factory, "kv": kv.Factory},
		CredentialBackends: map[string]logical.Factory{
			"approle": approle.Factory, "jwt": jwt.Factory, "kubernetes": kubernetes.Factory},
	})
	must(err)
	made, err := core.Initialize(context.Background(),
		&vault.InitParams{BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}})
	must(err)
	_, err = core.Unseal(made.SecretShares[0])
	must(err)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(listener.Addr(), made.RootToken, hex.EncodeToString(made.SecretShares[0]))
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	must(http.Serve(listener, vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core: core, ListenerConfig: &configutil.Listener{}})))
}
