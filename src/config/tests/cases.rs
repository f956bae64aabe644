//! Files that are wrong in one place each.

/// A valid experiment that uses every table.
pub(super) const SDN: &str = r#"
title = "base"
family = "sdn"

[data]
uri = "synth:birds?preset=nano"
split = "trainval"

[text]
encoder = "experiment:char-cnn-rnn-cub"

[pretrained.vgg]
from = "cache:vgg19"

[model]
base = 2
widths = [4, 4, 4, 4, 4]

[train]
batch_size = 4
log_every = 5

[[train.stages]]
name = "stage-1"
steps = 3

[[train.stages]]
name = "stage-2"
steps = 3

[train.optimizer.generator]
lr = 1e-4

[evaluate]
caption = 0

[[expect]]
source = "Paper"
rows = [{ metric = "IS", value = 1.0, instrument = "I" }]
"#;

/// A valid experiment of a family that needs other things.
pub(super) const GAN: &str = r#"
title = "gan"
family = "gan-int-cls"

[data]
uri = "synth:birds?preset=nano"
load_size = 76

[text]
encoder = "experiment:char-cnn-rnn-cub"

[model]
generator_width = 4

[train]
batch_size = 4
stages = [{ name = "adversarial", steps = 1 }]
"#;

/// A valid encoder experiment: distinct classes in a batch, features of a VGG.
pub(super) const ENCODER: &str = r#"
title = "encoder"
family = "char-cnn-rnn"

[data]
uri = "synth:birds?preset=nano"

[pretrained.vgg]
from = "cache:vgg19"

[train]
batch_size = 4
stages = [{ name = "joint-embedding", steps = 1 }]
"#;

/// A valid pretraining of encoders on words, with a contrastive loss.
pub(super) const DAMSM: &str = r#"
title = "encoders"
family = "damsm"

[data]
uri = "synth:birds?preset=nano"
flip = true

[pretrained.vgg]
from = "cache:vgg19"

[model]
words = 10

[model.contrastive]
method = "nt-xent"
views = "captions"

[train]
batch_size = 4
stages = [{ name = "matching", steps = 1 }]
"#;

/// A valid system that generates in one stage from words, with a penalty of its own.
pub(super) const ONE_STAGE: &str = r#"
title = "one stage"
family = "ssa-gan"

[data]
uri = "synth:birds?preset=nano"

[text]
encoder = "experiment:damsm-cub"

[model]
resolution = 32

[model.penalty]
kind = "r1"

[train]
batch_size = 4
stages = [{ name = "adversarial", steps = 1 }]
"#;

/// Marks the line that the message has to name.
pub(super) const HERE: &str = " # here";

/// A change that makes a file wrong.
pub(super) struct Case {
    pub(super) base: &'static str,
    pub(super) find: &'static str,
    pub(super) put: &'static str,
    /// Key path in the message.
    pub(super) key: &'static str,
    /// What else the message says.
    pub(super) says: &'static [&'static str],
}

const fn case(
    base: &'static str,
    find: &'static str,
    put: &'static str,
    key: &'static str,
    says: &'static [&'static str],
) -> Case {
    Case {
        base,
        find,
        put,
        key,
        says,
    }
}

pub(super) const CASES: &[Case] = &[
    // Unknown keys.
    case(
        SDN,
        "title = \"base\"",
        "titel = \"base\" # here",
        "titel",
        &["did you mean `title`?"],
    ),
    case(
        SDN,
        "[evaluate]",
        "[evalaute] # here",
        "evalaute",
        &["did you mean `evaluate`?"],
    ),
    case(
        SDN,
        "split = \"trainval\"",
        "splitt = \"all\" # here",
        "data.splitt",
        &["did you mean `split`?"],
    ),
    case(
        SDN,
        "base = 2",
        "bass = 2 # here",
        "model.bass",
        &["did you mean `base`?"],
    ),
    case(
        SDN,
        "log_every = 5",
        "log_evry = 5 # here",
        "train.log_evry",
        &["did you mean `log_every`?"],
    ),
    case(
        SDN,
        "log_every = 5",
        "steps = 5 # here",
        "train.steps",
        &["train.stages.NAME.steps"],
    ),
    case(
        SDN,
        "lr = 1e-4",
        "rate = 1e-4 # here",
        "train.optimizer.generator.rate",
        &["expected one of: `lr`"],
    ),
    case(
        SDN,
        "name = \"stage-2\"\nsteps = 3",
        "name = \"stage-2\"\nstep = 3 # here",
        "train.stages[1].step",
        &["did you mean `steps`?"],
    ),
    case(
        SDN,
        "lr = 1e-4",
        "optimizer = { kind = \"sgd\", lr = 0.1, momentun = 0.9 } # here",
        "train.optimizer.generator.optimizer.momentun",
        &["did you mean `momentum`?"],
    ),
    case(
        SDN,
        "batch_size = 4",
        "batch_size = \"four\" # here",
        "train.batch_size",
        &["string \"four\"", "a whole number, not negative"],
    ),
    case(
        SDN,
        "batch_size = 4",
        "batch_size = -4 # here",
        "train.batch_size",
        &["`-4`"],
    ),
    case(
        SDN,
        "batch_size = 4",
        "batch_size = 1.5 # here",
        "train.batch_size",
        &["`1.5`"],
    ),
    case(
        SDN,
        "lr = 1e-4",
        "lr = \"small\" # here",
        "train.optimizer.generator.lr",
        &["a number"],
    ),
    case(
        SDN,
        "split = \"trainval\"",
        "split = \"tset\" # here",
        "data.split",
        &["did you mean `test`?"],
    ),
    case(
        SDN,
        "split = \"trainval\"",
        "resize = \"opencv\" # here",
        "data.resize",
        &["did you mean `opencv-bilinear`?"],
    ),
    case(
        SDN,
        "split = \"trainval\"",
        "flip = 1 # here",
        "data.flip",
        &["`true` or `false`"],
    ),
    case(
        SDN,
        "widths = [4, 4, 4, 4, 4]",
        "widths = [4, 4] # here",
        "model.widths",
        &["length"],
    ),
    case(
        SDN,
        "base = 2",
        "depth = 18 # here",
        "model.depth",
        &["16 or 19"],
    ),
    case(
        SDN,
        "base = 2",
        "init = \"random\" # here",
        "model.init",
        &["`he`, `looks-linear`, `published`"],
    ),
    case(
        SDN,
        "[evaluate]\ncaption = 0",
        "[evaluate]\ncaption = true # here",
        "evaluate.caption",
        &["boolean `true`"],
    ),
    case(
        ONE_STAGE,
        "kind = \"r1\"",
        "kind = \"r2\" # here",
        "model.penalty.kind",
        &["did you mean `r1`?"],
    ),
    case(
        ONE_STAGE,
        "kind = \"r1\"",
        "kind = \"gradient\" # here",
        "model.penalty.kind",
        &["`matching-aware`, `r1`, `zero-centred`, `wgan-gp`"],
    ),
    // Missing keys.
    case(
        SDN,
        "uri = \"synth:birds?preset=nano\"",
        "",
        "data.uri",
        &["missing key"],
    ),
    case(
        SDN,
        "batch_size = 4",
        "",
        "train.batch_size",
        &["missing key"],
    ),
    case(SDN, "family = \"sdn\"", "", "family", &["missing key"]),
    // Ranges.
    case(
        SDN,
        "batch_size = 4",
        "batch_size = 0 # here",
        "train.batch_size",
        &["at least 1"],
    ),
    case(
        SDN,
        "log_every = 5",
        "log_every = 0 # here",
        "train.log_every",
        &["at least 1"],
    ),
    case(
        SDN,
        "log_every = 5",
        "keep_checkpoints = 0 # here",
        "train.keep_checkpoints",
        &["at least 1"],
    ),
    case(
        SDN,
        "log_every = 5",
        "samples = 0 # here",
        "train.samples",
        &["sample_every"],
    ),
    case(
        SDN,
        "caption = 0",
        "protocol = \"fid\" # here",
        "evaluate.protocol",
        &["one of paired, quick"],
    ),
    case(
        SDN,
        "log_every = 5",
        "monitor_share = 2.0 # here",
        "train.monitor_share",
        &["0 to 1"],
    ),
    case(
        SDN,
        "lr = 1e-4",
        "lr = 0.0 # here",
        "train.optimizer.generator.lr",
        &["above 0"],
    ),
    case(
        SDN,
        "lr = 1e-4",
        "lr = nan # here",
        "train.optimizer.generator.lr",
        &["above 0"],
    ),
    case(
        SDN,
        "lr = 1e-4",
        "schedule = { kind = \"step-decay\", every = 0, factor = 0.5 } # here",
        "train.optimizer.generator.schedule.every",
        &["at least 1"],
    ),
    case(
        SDN,
        "base = 2",
        "soft_minimum = 2.0 # here",
        "model.soft_minimum",
        &["between 0 and 1"],
    ),
    case(
        SDN,
        "caption = 0",
        "caption = 10 # here",
        "evaluate.caption",
        &["0 to 9"],
    ),
    case(
        SDN,
        "rows = [{ metric = \"IS\", value = 1.0, instrument = \"I\" }]",
        "rows = [{ metric = \"IS\", value = 1.0, instrument = \"\" }] # here",
        "expect[0].rows[0].instrument",
        &["cannot be compared"],
    ),
    case(
        SDN,
        "rows = [{ metric = \"IS\", value = 1.0, instrument = \"I\" }]",
        "rows = [{ metric = \"IS\", value = nan, instrument = \"I\" }] # here",
        "expect[0].rows[0].value",
        &["not finite"],
    ),
    case(
        SDN,
        "source = \"Paper\"",
        "source = \"\" # here",
        "expect[0].source",
        &["paper"],
    ),
    case(
        ONE_STAGE,
        "kind = \"r1\"",
        "kind = \"wgan-gp\"\npower = 2.0 # here",
        "model.penalty.power",
        &["`matching-aware` only"],
    ),
    case(
        ONE_STAGE,
        "kind = \"r1\"",
        "weight = -1.0 # here",
        "model.penalty.weight",
        &["0 or a positive number"],
    ),
    // Stages.
    case(
        SDN,
        "name = \"stage-2\"",
        "name = \"stage-3\" # here",
        "train.stages[1].name",
        &["did you mean"],
    ),
    case(
        SDN,
        "name = \"stage-2\"",
        "name = \"stage-1\" # here",
        "train.stages[1].name",
        &["second time"],
    ),
    case(
        SDN,
        "name = \"stage-2\"\nsteps = 3",
        "name = \"stage-2\"\nepochs = 1\nsteps = 3 # here",
        "train.stages[1].steps",
        &["exactly one of `epochs` and `steps`"],
    ),
    case(
        SDN,
        "[[train.stages]]\nname = \"stage-2\"\nsteps = 3",
        "[[train.stages]] # here\nname = \"stage-2\"",
        "train.stages[1]",
        &["no length"],
    ),
    case(
        SDN,
        "name = \"stage-1\"\nsteps = 3",
        "name = \"stage-1\"\nsteps = 0 # here",
        "train.stages[0].steps",
        &["at least 1"],
    ),
    case(
        GAN,
        "stages = [{ name = \"adversarial\", steps = 1 }]",
        "stages = [] # here",
        "train.stages",
        &["`adversarial`"],
    ),
    // Contradictions and references.
    case(
        SDN,
        "family = \"sdn\"",
        "family = \"sdm\" # here",
        "family",
        &["did you mean `sdn`?"],
    ),
    case(
        SDN,
        "[train.optimizer.generator]",
        "[train.optimizer.generater] # here",
        "generater",
        &["did you mean `generator`?"],
    ),
    case(
        SDN,
        "uri = \"synth:birds?preset=nano\"",
        "uri = \"sinth:birds\" # here",
        "data.uri",
        &["did you mean `synth`?"],
    ),
    case(
        SDN,
        "uri = \"synth:birds?preset=nano\"",
        "uri = \"synth:brids\" # here",
        "data.uri",
        &["did you mean `birds`?"],
    ),
    case(
        SDN,
        "uri = \"synth:birds?preset=nano\"",
        "uri = \"data/cub\" # here",
        "data.uri",
        &["KIND:PATH"],
    ),
    case(
        SDN,
        "uri = \"synth:birds?preset=nano\"",
        "uri = \"cub:\" # here",
        "data.uri",
        &["cub:PATH"],
    ),
    case(
        SDN,
        "uri = \"synth:birds?preset=nano\"",
        "uri = \"oxford:data\"\ncrop_to_box = true # here",
        "data.crop_to_box",
        &["no bounding boxes"],
    ),
    case(
        GAN,
        "load_size = 76",
        "load_size = 48 # here",
        "data.load_size",
        &["at least 64"],
    ),
    case(
        GAN,
        "load_size = 76",
        "load_size = 76\npartners = \"labels\" # here",
        "data.positives",
        &["did you mean `label`?"],
    ),
    case(
        GAN,
        "load_size = 76\n\n[text]\nencoder = \"experiment:char-cnn-rnn-cub\"\n\n[model]\n\
         generator_width = 4\n\n[train]\nbatch_size = 4",
        "load_size = 76\npositives = \"label\"\n\n[text]\n\
         encoder = \"experiment:char-cnn-rnn-cub\"\n\n[model]\ngenerator_width = 4\n\n[train]\n\
         batch_size = 5 # here",
        "train.batch_size",
        &["an even number"],
    ),
    case(
        DAMSM,
        "views = \"captions\"",
        "views = \"halves\" # here",
        "model.contrastive.views",
        &["without `data.positives`", "`caption` (the same image)"],
    ),
    case(
        DAMSM,
        "flip = true\n\n[pretrained.vgg]\nfrom = \"cache:vgg19\"\n\n[model]\nwords = 10\n\n\
         [model.contrastive]\nmethod = \"nt-xent\"\nviews = \"captions\"",
        "positives = \"label\"\n\n[pretrained.vgg]\nfrom = \"cache:vgg19\"\n\n[model]\nwords = 10\n\n\
         [model.contrastive]\nmethod = \"nt-xent\"\nviews = \"captions\" # here",
        "model.contrastive.views",
        &["would push it apart", "`halves`, or no `data.positives`"],
    ),
    case(
        DAMSM,
        "method = \"nt-xent\"\nviews = \"captions\"\n\n[train]\nbatch_size = 4",
        "method = \"sup-con\"\nviews = \"halves\"\n\n[train]\nbatch_size = 5 # here",
        "train.batch_size",
        &[
            "`model.contrastive.views` halves the batch",
            "an even number",
        ],
    ),
    case(
        DAMSM,
        "views = \"captions\"",
        "scope = \"inter\" # here",
        "model.contrastive.scope",
        &["changes `sup-con` only"],
    ),
    case(
        DAMSM,
        "views = \"captions\"",
        "weighting = \"jaccard\" # here",
        "model.contrastive.weighting",
        &["changes `sup-con` and `uni-cl` only"],
    ),
    case(
        DAMSM,
        "views = \"captions\"",
        "has_own_pairs = false # here",
        "model.contrastive.has_own_pairs",
        &["changes `sup-con` only"],
    ),
    case(
        DAMSM,
        "views = \"captions\"",
        "second_branch = \"contrastive-only\" # here",
        "model.contrastive.second_branch",
        &["paints no images"],
    ),
    case(
        DAMSM,
        "views = \"captions\"",
        "noise = \"shared\" # here",
        "model.contrastive.noise",
        &["paints no images"],
    ),
    case(
        ONE_STAGE,
        "[model.penalty]\nkind = \"r1\"",
        "[model.contrastive]\nnoise = \"shared\" # here",
        "model.contrastive.noise",
        &["one caption per image"],
    ),
    case(
        ONE_STAGE,
        "[model.penalty]\nkind = \"r1\"",
        "[model.contrastive]\ndistinct_captions = true # here",
        "model.contrastive.distinct_captions",
        &["one caption per image"],
    ),
    case(
        ONE_STAGE,
        "[model.penalty]\nkind = \"r1\"",
        "[model.contrastive]\nsecond_branch = \"contrastive-only\" # here",
        "model.contrastive.second_branch",
        &["one caption per image"],
    ),
    case(
        DAMSM,
        "flip = true",
        "label_noise = 1.5 # here",
        "data.label_noise",
        &["0 to 1"],
    ),
    case(
        SDN,
        "uri = \"synth:birds?preset=nano\"",
        "uri = \"synth:scenes?preset=nano\"\ncrop_to_box = true # here",
        "data.crop_to_box",
        &["no bounding boxes"],
    ),
    case(
        SDN,
        "encoder = \"experiment:char-cnn-rnn-cub\"",
        "encoder = \"\" # here",
        "text.encoder",
        &["needs sentence embeddings of 1024 numbers"],
    ),
    case(
        SDN,
        "encoder = \"experiment:char-cnn-rnn-cub\"",
        "encoder = \"precomputed\" # here",
        "text.encoder",
        &["no embeddings come with", "--quick"],
    ),
    case(
        SDN,
        "encoder = \"experiment:char-cnn-rnn-cub\"",
        "encoder = \"experiment:char-cnn-rnn-cup\" # here",
        "text.encoder",
        &["did you mean `char-cnn-rnn-cub`?"],
    ),
    case(
        ENCODER,
        "[pretrained.vgg]",
        "[text]\nencoder = \"precomputed\" # here\n[pretrained.vgg]",
        "text.encoder",
        &["needs no embeddings"],
    ),
    case(
        ENCODER,
        "batch_size = 4",
        "batch_size = 9 # here",
        "train.batch_size",
        &["at most 8"],
    ),
    case(
        ENCODER,
        "[pretrained.vgg]\nfrom = \"cache:vgg19\"",
        "",
        "pretrained.vgg",
        &["missing table"],
    ),
    case(
        SDN,
        "[pretrained.vgg]\nfrom = \"cache:vgg19\"",
        "",
        "pretrained.vgg",
        &["missing table"],
    ),
    case(
        SDN,
        "from = \"cache:vgg19\"",
        "from = \"\" # here",
        "pretrained.vgg.from",
        &["cache:vgg19"],
    ),
    case(
        SDN,
        "from = \"cache:vgg19\"",
        "from = \"x.pth\"\ndepth = 11 # here",
        "pretrained.vgg.depth",
        &["16 or 19"],
    ),
    case(
        GAN,
        "[model]",
        "[pretrained.vgg] # here\nfrom = \"x\"\n[model]",
        "pretrained.vgg",
        &["needs no VGG"],
    ),
    case(
        GAN,
        "uri = \"synth:birds?preset=nano\"\nload_size = 76",
        "uri = \"synth:flowers?preset=nano\"\nload_size = 76\n\n[evaluate]\n\
         probe = \"experiment:attribute-probe-birds\" # here",
        "evaluate.probe",
        &["only built-in birds have attributes"],
    ),
    case(
        SDN,
        "caption = 0",
        "probe = \"cache:probe\" # here",
        "evaluate.probe",
        &["the path of a run"],
    ),
    // Parents.
    case(
        SDN,
        "title = \"base\"",
        "extends = \"sdn-cup\" # here",
        "extends",
        &["did you mean `sdn-cub`?"],
    ),
    case(
        SDN,
        "title = \"base\"",
        "extends = \"x\" # here",
        "extends",
        &["leads back to itself"],
    ),
    case(
        SDN,
        "title = \"base\"",
        "extends = [\"sdn-cub\"] # here",
        "extends",
        &["array"],
    ),
    case(
        SDN,
        "title = \"base\"",
        "title = base # here",
        "",
        &["not valid TOML"],
    ),
];
