"""The view-adaptive network on pictures of skeletons: network, training, weights."""
