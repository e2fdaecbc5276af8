"""VA-CNN, the view-adaptive network on images of skeletons: the network, its training and its weights."""
