"""PyTorch, channels last; with --float64 the reference that every contestant's error is measured against."""

import sys

import torch
from torch import nn

import networks
import rival


class Torch:
    version = torch.__version__
    dtype = torch.float32
    settings = "f32, channels_last, inference_mode"

    def __init__(self, threads, folder, network=None):
        torch.set_num_threads(threads)
        net = self.network(networks.load(network)) if network else self.vgg16()
        self.net = net.eval().to(self.dtype, memory_format=torch.channels_last)

    def network(self, net):
        return networks.folded(net)

    def vgg16(self):
        layers = []
        for block in rival.blocks():
            for kernel, bias in block:
                convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
                convolution.weight.data = torch.from_numpy(kernel)
                convolution.bias.data = torch.from_numpy(bias)
                layers += [convolution, nn.ReLU(inplace=True)]
            layers.append(nn.MaxPool2d(2))
        return nn.Sequential(*layers)

    def prepare(self, images):
        return torch.from_numpy(images).to(self.dtype, memory_format=torch.channels_last)

    @torch.inference_mode()
    def forward(self, images):
        return self.net(images)

    def features(self, maps):
        return maps.contiguous().numpy()

    def head(self, rows, labels):
        rows, labels = torch.from_numpy(rows), torch.from_numpy(labels)
        net = nn.Sequential(nn.Linear(rows.shape[1], 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 1))
        optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3, alpha=0.9, eps=1e-8)
        loss = nn.BCEWithLogitsLoss()

        def epoch():
            for batch in torch.randperm(len(rows)).split(32):
                optimizer.zero_grad()
                loss(net(rows[batch]), labels[batch]).backward()
                optimizer.step()

        return epoch


class Reference(Torch):
    dtype = torch.float64
    settings = "f64"

    def network(self, net):
        return net


if __name__ == "__main__":
    exact = "--float64" in sys.argv
    if exact:
        sys.argv.remove("--float64")
    rival.main(Reference if exact else Torch)
