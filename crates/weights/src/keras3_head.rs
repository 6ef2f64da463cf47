//! A head in the layout of Keras 3: its layers in the order of the network.
//!
//! Keras names the groups of a container (`layers`) after the classes of its layers and counts each class from its first
//! layer to its last, so the order within a class is that of the network. A model within a model is a group with a container
//! of its own. How layers of different classes follow each other is nowhere said: only their shapes can tell.

use std::collections::{BTreeMap, HashSet};

use hdf5::AttrValue;

use crate::Error;
use crate::bystander::{SAVE_WHOLE, advice, is_harmless_class};
use crate::error::{Shape, list};
use crate::hdf5_file::{Hdf5File, join};
use crate::head_reader::{expect_dense, unsupported};
use crate::keras3::class_and_number;
use crate::survey::StoredLayer;

/// The groups that hold a model's layers: Keras 3's, and that of Keras 2.13.
const CONTAINERS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// Groups of the root that belong to no layer: what training keeps.
const OF_TRAINING: [&str; 3] = ["optimizer", "metric", "loss"];

/// Orders that are tried. A head has some ten layers.
const MOST_STEPS: usize = 2_000;

/// A layer that counts: a dense one, or a model with its own layers.
pub(crate) enum Node {
    /// A dense layer.
    Dense(StoredLayer),
    /// A model within the model.
    Model(Container),
}

/// The layers of a model that count, by class, each class in the order of the network.
#[derive(Default)]
pub(crate) struct Container {
    classes: BTreeMap<String, Vec<Option<Node>>>,
}

impl Container {
    /// Reads the layers of a file. A layer that no head has is refused by name; with a `configuration`, which says what each
    /// layer is, layers without weights are left out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for layers that no head has, and what reading the file returns.
    pub(crate) fn read(file: &Hdf5File, configured: bool) -> Result<Self, Error> {
        let of_training =
            |group: &str| OF_TRAINING.iter().any(|word| group.trim_start_matches('_').starts_with(word));
        let groups = file.walk("", &|group| group.contains('/') || !of_training(group))?;
        let mut tree = Group::default();
        for (path, datasets) in groups {
            tree.add(&path, datasets);
        }
        let (model, rest): (Vec<_>, Vec<_>) =
            tree.groups.iter().partition(|(name, _)| CONTAINERS.contains(&name.as_str()));
        if let Some((name, _)) = rest.into_iter().find(|(_, group)| group.has_datasets()) {
            return Err(unsupported(file.path(), format!("weights outside of its layers, in {name}")));
        }
        let mut container = Self::default();
        for (name, group) in model {
            container.add(file, name, group, configured)?;
        }
        Ok(container)
    }

    fn add(&mut self, file: &Hdf5File, path: &str, group: &Group, configured: bool) -> Result<(), Error> {
        let mut layers: Vec<_> = group.groups.iter().collect();
        layers.sort_by_key(|(name, _)| {
            let (class, number) = class_and_number(name);
            (class.to_owned(), number)
        });
        for (name, layer) in layers {
            let class = class_and_number(name).0;
            let place = join(path, name);
            if let Some(node) = read_node(file, class, &place, layer, configured)? {
                self.classes.entry(class.to_owned()).or_default().push(Some(node));
            }
        }
        Ok(())
    }

    /// Takes a layer out: by its class, and its position among the layers of that class.
    pub(crate) fn take(&mut self, class: &str, position: usize) -> Option<Node> {
        self.classes.get_mut(class)?.get_mut(position)?.take()
    }

    /// The container of a model within this one, by its class and its position.
    pub(crate) fn model(&mut self, class: &str, position: usize) -> Option<&mut Self> {
        match self.classes.get_mut(class)?.get_mut(position)?.as_mut()? {
            Node::Model(container) => Some(container),
            Node::Dense(_) => None,
        }
    }

    /// A layer that was not taken out.
    pub(crate) fn first_left(&self) -> Option<&StoredLayer> {
        self.classes.values().flatten().flatten().find_map(|node| match node {
            Node::Dense(layer) => Some(layer),
            Node::Model(container) => container.first_left(),
        })
    }

    /// The dense layers in the only order in which their shapes follow each other.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is no such order, or more than one.
    pub(crate) fn into_chain(self, file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
        let mut classes = Vec::new();
        for nodes in self.classes.into_values() {
            let mut links = Vec::new();
            for node in nodes.into_iter().flatten() {
                links.push(match node {
                    Node::Dense(layer) => vec![layer],
                    Node::Model(container) => container.into_chain(file)?,
                });
            }
            links.retain(|link| !link.is_empty());
            if !links.is_empty() {
                classes.push(links);
            }
        }
        if classes.len() == 1 {
            // One class: its numbers are the order. Whether the shapes follow each other is checked with the others.
            return Ok(classes.into_iter().flatten().flatten().collect());
        }
        let ends: Vec<Vec<(usize, usize)>> =
            classes.iter().map(|links| links.iter().map(|link| ends_of(link)).collect()).collect();
        let order = Orders::new(&ends).find();
        let shapes: Vec<String> = classes
            .iter()
            .flatten()
            .flatten()
            .map(|layer| format!("{} {}", layer.name, Shape(&layer.tensors[0].shape)))
            .collect();
        let order = order.map_err(|found| {
            let layers = list(&shapes, 8);
            unsupported(file.path(), format!("{found} of its layers {layers}; {SAVE_WHOLE}"))
        })?;
        let mut links: Vec<_> = classes.into_iter().map(Vec::into_iter).collect();
        Ok(order.into_iter().filter_map(|class| links[class].next()).flatten().collect())
    }
}

/// Values that a run of layers takes and gives.
fn ends_of(link: &[StoredLayer]) -> (usize, usize) {
    let axis = |layer: Option<&StoredLayer>, axis: usize| {
        layer.and_then(|layer| layer.tensors.first()).and_then(|kernel| kernel.shape.get(axis)).copied()
    };
    (axis(link.first(), 0).unwrap_or(0), axis(link.last(), 1).unwrap_or(0))
}

/// A layer of a container, if it counts.
fn read_node(
    file: &Hdf5File,
    class: &str,
    place: &str,
    group: &Group,
    configured: bool,
) -> Result<Option<Node>, Error> {
    let mut tensors = Vec::new();
    let mut model = None;
    for (name, inner) in &group.groups {
        let path = join(place, name);
        if name == "vars" {
            let mut datasets = inner.datasets.clone();
            datasets.sort_by_key(|name| name.parse().unwrap_or(u64::MAX));
            for dataset in datasets {
                tensors.push(file.tensor(&join(&path, &dataset), "its group")?);
            }
        } else if CONTAINERS.contains(&name.as_str()) {
            model.get_or_insert_with(Container::default).add(file, &path, inner, configured)?;
        } else if name != "seed_generator" && inner.has_datasets() {
            return Err(unsupported(file.path(), format!("the layer {place}, which has weights in {name}")));
        }
    }
    let vars = join(place, "vars");
    let given = if group.groups.contains_key("vars") {
        file.attributes(&vars)?.get("name").and_then(AttrValue::as_str).map(str::to_owned)
    } else {
        None
    };
    let name = given.unwrap_or_else(|| place.rsplit('/').next().unwrap_or(place).to_owned());
    let layer = StoredLayer { place: place.to_owned(), name, tensors };
    if let Some(container) = model {
        if layer.tensors.is_empty() {
            return Ok(Some(Node::Model(container)));
        }
        return Err(unsupported(file.path(), format!("the model {place} with weights of its own")));
    }
    if class == "dense" {
        expect_dense(file.path(), &layer)?;
        return Ok(Some(Node::Dense(layer)));
    }
    if layer.tensors.is_empty() && (configured || is_harmless_class(class)) {
        return Ok(None);
    }
    let found = format!("the layer {} ({place})", layer.name);
    Err(unsupported(file.path(), if configured { found } else { format!("{found}; {}", advice(class)) }))
}

/// A group of the file.
#[derive(Default)]
struct Group {
    groups: BTreeMap<String, Group>,
    datasets: Vec<String>,
}

impl Group {
    fn add(&mut self, path: &str, datasets: Vec<String>) {
        let parts = path.split('/').filter(|part| !part.is_empty());
        let group = parts.fold(self, |group, part| group.groups.entry(part.to_owned()).or_default());
        group.datasets = datasets;
    }

    fn has_datasets(&self) -> bool {
        !self.datasets.is_empty() || self.groups.values().any(Self::has_datasets)
    }
}

/// The search for orders in which each layer takes as many values as the one before it gives.
struct Orders<'a> {
    /// Inputs and outputs of the layers, by class.
    ends: &'a [Vec<(usize, usize)>],
    steps: usize,
    /// How far each class was in places from which no order goes on, with the values that were given there.
    dead: HashSet<(Vec<usize>, Option<usize>)>,
    found: Vec<Vec<usize>>,
}

impl<'a> Orders<'a> {
    fn new(ends: &'a [Vec<(usize, usize)>]) -> Self {
        Self { ends, steps: 0, dead: HashSet::new(), found: Vec::new() }
    }

    /// The only order: for each step the class whose next layer follows.
    fn find(mut self) -> Result<Vec<usize>, &'static str> {
        let mut taken = vec![0; self.ends.len()];
        self.go_on(&mut taken, None, &mut Vec::new());
        match self.found.len() {
            _ if self.steps > MOST_STEPS => Err("too many orders"),
            0 => Err("no order"),
            1 => Ok(self.found.remove(0)),
            _ => Err("more than one order"),
        }
    }

    fn go_on(&mut self, taken: &mut [usize], given: Option<usize>, order: &mut Vec<usize>) {
        self.steps += 1;
        if self.steps > MOST_STEPS || self.found.len() > 1 || self.dead.contains(&(taken.to_vec(), given)) {
            return;
        }
        if taken.iter().zip(self.ends).all(|(&taken, layers)| taken == layers.len()) {
            self.found.push(order.clone());
            return;
        }
        let before = self.found.len();
        for class in 0..self.ends.len() {
            let Some(&(inputs, outputs)) = self.ends[class].get(taken[class]) else { continue };
            if given.is_some_and(|given| given != inputs) {
                continue;
            }
            taken[class] += 1;
            order.push(class);
            self.go_on(taken, Some(outputs), order);
            order.pop();
            taken[class] -= 1;
        }
        if self.found.len() == before {
            self.dead.insert((taken.to_vec(), given));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_order_is_found_and_two_or_none_are_told() {
        // A model of 48 -> 6 before two dense layers; between them; and where it could be at two places.
        let order = |ends: &[Vec<(usize, usize)>]| Orders::new(ends).find();
        assert_eq!(order(&[vec![(6, 6), (6, 1)], vec![(48, 6)]]), Ok(vec![1, 0, 0]));
        assert_eq!(order(&[vec![(48, 6), (5, 1)], vec![(6, 5)]]), Ok(vec![0, 1, 0]));
        assert_eq!(order(&[vec![(48, 6), (6, 6)], vec![(6, 6)]]), Err("more than one order"));
        assert_eq!(order(&[vec![(48, 6)], vec![(5, 1)]]), Err("no order"));
        // A file that is made to keep the search busy.
        let hostile: Vec<Vec<(usize, usize)>> = (0..40).map(|i| vec![(1, 1 + i / 39)]).collect();
        assert_eq!(order(&hostile), Err("more than one order"));
        let hostile: Vec<Vec<(usize, usize)>> = (0..40).map(|i| vec![(1, 1), (2 + i, 1)]).collect();
        assert!(order(&hostile).is_err());
    }
}
