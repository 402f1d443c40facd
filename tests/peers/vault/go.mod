module vault

go 1.19

require github.com/hashicorp/vault v1.13.0
