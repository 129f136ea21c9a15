"""The graph layers of blocks, one for each backbone, all from (N, C, T, V) to (N, out, T, V)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

NEAREST = 6


class GraphConvolution(nn.Module):
    """sum over k of A_k W_k x: the spatial graph convolution of ST-GCN (Yan et al. 2018, eq. 10).

    The product with the graph comes before the one with the weights, as one matrix product each:
    half the time of the usual order on a CPU, and the form that is exported.
    """

    def __init__(self, channels: int, out_channels: int, partitions: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels * partitions, 1)
        self.partitions = partitions

    def kernel(self) -> Tensor:
        """The weights as a 1x1 convolution (out, partitions * in, 1, 1) over the partitions'
        channels."""
        out = self.conv.out_channels // self.partitions
        channels = self.conv.in_channels
        weight = self.conv.weight.view(self.partitions, out, channels)
        return weight.permute(1, 0, 2).reshape(out, self.partitions * channels, 1, 1)

    def joint_bias(self, adjacency: Tensor) -> Tensor:
        """The bias behind the graph: (..., out, 1, V), a value for every joint."""
        assert self.conv.bias is not None
        return torch.einsum(
            "kc,...kvw->...cw", self.conv.bias.view(self.partitions, -1), adjacency
        ).unsqueeze(-2)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """x (N, C, T, V), adjacency (K, V, V) or one a sample (N, K, V, V); returns (N, out, T,
        V)."""
        samples, channels, frames, joints = x.shape
        side_by_side = adjacency.transpose(-3, -2).flatten(-2)
        spread = x.flatten(1, 2) @ side_by_side if adjacency.dim() == 4 else x @ side_by_side
        spread = spread.view(samples, channels, frames, self.partitions, joints)
        spread = spread.permute(0, 3, 1, 2, 4).reshape(
            samples, self.partitions * channels, frames, joints
        )
        y = functional.conv2d(spread, self.kernel())
        bias = self.joint_bias(adjacency).to(y.dtype)
        # Written out for every frame: in bfloat16 a CPU takes eight times as long to add one row
        # that it has to repeat itself.
        return y + bias.expand(*bias.shape[:-2], frames, joints).contiguous()


class GraphIsomorphism(nn.Module):
    """MLP((1 + eps) x_v + the sum of x_u over v's neighbours u), with a learned eps (GIN: Xu et al.
    2019, eq. 4.1).

    The MLP is two 1x1 convolutions with a batch norm and ReLU between them; neither needs a bias,
    as a batch norm follows.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.epsilon = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 1, bias=False),
        )

    def forward(self, x: Tensor, neighbours: Tensor) -> Tensor:
        """x (N, C, T, V), neighbours 1 where two joints share a bone, (V, V) or one a sample (N, V,
        V)."""
        weights = neighbours + (1 + self.epsilon) * torch.eye(x.shape[-1], device=x.device)
        return self.mlp((x.flatten(1, 2) @ weights).view(x.shape))


class EdgeConvolution(nn.Module):
    """max over the nearest joints j of h(x_i, x_j - x_i): the EdgeConv of DGCNN (Wang et al. 2019,
    eq. 8).

    In every frame anew, j runs over the 6 joints nearest to i in feature space, i itself among
    them, or over all joints where there are fewer. h is a 1x1 convolution, batch norm over all
    edges, and LeakyReLU 0.2, as in DGCNN's classifier.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, edges: None = None) -> Tensor:
        """x (N, C, T, V), returns (N, out, T, V); there are no edges but those that it finds."""
        at = nearest(x)
        # W (x_i, x_j - x_i) = (W_own - W_apart) x_i + W_apart x_j: one product a joint in place of
        # one an edge.
        own, apart = self.conv.weight.chunk(2, dim=1)
        own, apart = functional.conv2d(x, torch.cat([own - apart, apart])).chunk(2, dim=1)
        index = at.flatten(2)[:, None].expand(-1, apart.shape[1], -1, -1)
        y = own.repeat_interleave(at.shape[-1], 3) + apart.gather(3, index)
        # The largest of the activated is the activated largest: a sixth of the work.
        return functional.leaky_relu(self.norm(y).unflatten(3, at.shape[2:]).amax(4), 0.2)


@torch.no_grad()
def nearest(x: Tensor, count: int = NEAREST) -> Tensor:
    """The joints of least Euclidean distance to each, frame by frame: x (N, C, T, V) to indices (N,
    T, V, K)."""
    with torch.autocast(x.device.type, enabled=False):
        points = x.permute(0, 2, 3, 1).float()
        # Differences, not the expanded square: a joint must be the nearest to itself.
        distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
        return distances.topk(min(count, x.shape[-1]), largest=False).indices
