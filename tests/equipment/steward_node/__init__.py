"""A real one-node Kubernetes on this machine, for end-to-end tests: containerd, kubelet, the lot.

The node lives in namespaces of its own (mounts, network, process ids): when its first process
ends, however it ends, the kernel ends all others and takes mounts, interfaces and rules with
them. What the kernel does not take (cgroups, files) `down` and the next `up` remove.
Nothing of the product may live here. Tests import it; the product never does.
"""
