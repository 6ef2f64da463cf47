//! A graph's operations as the steps that compute them: activations and sums are part of the convolution before them.

use super::parameters::Parts;
use super::{
    Activation, Graph, Kernel, Maps, Node, Operation, Pooling, Window, convolution, depthwise, tiled,
};
use crate::buffer::Buffer;
use crate::error::Error;
use crate::feature_maps::FEW;

/// What a step does.
pub(super) enum Work {
    Convolution {
        packed: convolution::Packed,
        window: Window,
    },
    /// A 3 x 3 convolution of stride 1 or 2.
    Tiled(Box<tiled::Packed>),
    Depthwise {
        packed: depthwise::Packed,
        window: Window,
    },
    Pool {
        pooling: Pooling,
        window: Option<Window>,
    },
    Add(Activation),
    Multiply,
    Concatenate,
    Activate(Activation),
}

/// A step, and the maps that it reads and writes.
pub(super) struct Step {
    pub(super) name: String,
    pub(super) work: Work,
    pub(super) reads: Vec<Maps>,
    /// Maps that a convolution adds before its activation.
    pub(super) residual: Option<Maps>,
    pub(super) result: Maps,
}

impl Step {
    /// The steps that compute some maps of a graph, in order, and their parameters.
    ///
    /// # Errors
    /// [`Error::Memory`] if the system has too little.
    pub(super) fn of(graph: &Graph, wanted: &[Maps]) -> Result<(Vec<Self>, Buffer), Error> {
        let needed = needed(graph, wanted);
        let users = users(graph, wanted, &needed);
        // The only operation that reads some maps, if nobody else wants them.
        let only_user = |maps: Maps| match users[maps.0].as_slice() {
            [only] => *only,
            _ => None,
        };
        let mut done = vec![false; graph.nodes.len()];
        let mut steps = Vec::new();
        let mut parts = Parts::default();
        for (at, node) in graph.nodes.iter().enumerate().filter(|(at, _)| needed[*at]) {
            if !matches!(node.operation, Operation::Convolution(_)) || done[at] {
                continue;
            }
            let (mut result, mut residual, mut activation) = (Maps(at), None, Activation::Linear);
            if let Some(user) = only_user(result)
                && let Node { operation: Operation::Add, reads, .. } = &graph.nodes[user.0]
                && !done[user.0]
                && reads[0] != reads[1]
            {
                residual = reads.iter().copied().find(|maps| *maps != result);
                result = user;
                done[user.0] = true;
            }
            if let Some(user) = only_user(result)
                && let Operation::Activate(found) = graph.nodes[user.0].operation
            {
                (result, activation) = (user, found);
                done[user.0] = true;
            }
            done[at] = true;
            steps.push(Self::convolution(graph, at, activation, residual, result, &mut parts));
        }
        for (at, node) in graph.nodes.iter().enumerate().filter(|(at, _)| needed[*at] && !done[*at]) {
            let work = match &node.operation {
                Operation::Input | Operation::Convolution(_) => continue,
                Operation::Pool { pooling, window } => {
                    Work::Pool { pooling: *pooling, window: Some(*window) }
                }
                Operation::PoolGlobally(pooling) => Work::Pool { pooling: *pooling, window: None },
                Operation::Add => Work::Add(Activation::Linear),
                Operation::Multiply => Work::Multiply,
                Operation::Concatenate => Work::Concatenate,
                Operation::Activate(activation) => Work::Activate(*activation),
            };
            let (name, reads) = (node.name.clone(), node.reads.clone());
            steps.push(Self { name, work, reads, residual: None, result: Maps(at) });
        }
        // What a step reads was computed by a node before its result's.
        steps.sort_by_key(|step| step.result);
        Ok((steps, parts.pack()?))
    }

    fn convolution<'a>(
        graph: &'a Graph,
        at: usize,
        activation: Activation,
        residual: Option<Maps>,
        result: Maps,
        parts: &mut Parts<'a>,
    ) -> Self {
        let Node { name, operation, reads, channels } = &graph.nodes[at];
        let Operation::Convolution(kernel) = operation else { unreachable!("the caller looked") };
        let in_channels = graph.channels(reads[0]);
        let window = kernel.window;
        let work = if is_depthwise(kernel, in_channels, *channels) && residual.is_none() {
            Work::Depthwise { packed: depthwise::Packed::new(kernel, activation, parts), window }
        } else if tiled::Packed::fits(in_channels, kernel) {
            Work::Tiled(Box::new(tiled::Packed::new(in_channels, kernel, activation, parts)))
        } else {
            Work::Convolution {
                packed: convolution::Packed::new(in_channels, kernel, activation, parts),
                window,
            }
        };
        Self { name: name.clone(), work, reads: reads.clone(), residual, result }
    }

    /// All maps that it reads.
    pub(super) fn all_reads(&self) -> impl Iterator<Item = Maps> {
        self.reads.iter().copied().chain(self.residual)
    }
}

fn is_depthwise(kernel: &Kernel, in_channels: usize, out_channels: usize) -> bool {
    kernel.groups == in_channels && out_channels == in_channels && in_channels > FEW
}

/// Which nodes the wanted maps depend on.
fn needed(graph: &Graph, wanted: &[Maps]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    for maps in wanted {
        needed[maps.0] = true;
    }
    for at in (0..graph.nodes.len()).rev() {
        if needed[at] {
            graph.nodes[at].reads.iter().for_each(|maps| needed[maps.0] = true);
        }
    }
    needed
}

/// Who reads each node's result; `None` for the caller.
fn users(graph: &Graph, wanted: &[Maps], needed: &[bool]) -> Vec<Vec<Option<Maps>>> {
    let mut users = vec![Vec::new(); graph.nodes.len()];
    for maps in wanted {
        users[maps.0].push(None);
    }
    for (at, node) in graph.nodes.iter().enumerate().filter(|(at, _)| needed[*at]) {
        node.reads.iter().for_each(|maps| users[maps.0].push(Some(Maps(at))));
    }
    users
}
