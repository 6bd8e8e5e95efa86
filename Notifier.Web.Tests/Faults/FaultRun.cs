using System.Diagnostics;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;

namespace Notifier.Tests.Faults;

/// <summary>
/// One run of a fault: a backend publishes, clients receive (three WebSockets and one event stream, with channels and patterns), the fault happens, and the run
/// counts what each client received. At the end no client is connected, and no name is subscribed.
/// </summary>
internal sealed class FaultRun : IAsyncDisposable
{
    private static readonly TimeSpan Settles = TimeSpan.FromSeconds(60);

    private readonly Fault fault;
    private readonly List<RecordingClient> witnesses = [];
    private readonly List<IAsyncDisposable> owned = [];
    private readonly Stopwatch sinceEnd = new();
    private (int Plain, int Kept) atEnd;
    private TimeSpan recovery;
    private Uri? address;
    private ProcessCheck processCheck = null!;

    public FaultRun(Fault fault, int seed)
    {
        this.fault = fault;
        Seed = seed;
        Random = new Random(seed);
    }

    public int Seed { get; }

    /// <summary>Chooses the moment and the strength of the fault, from the seed.</summary>
    public Random Random { get; }

    public RedisSetup Stage { get; private set; } = null!;

    /// <summary>The node, if it runs in this process.</summary>
    public NotifierApp? App { get; private set; }

    public Backend Backend { get; private set; } = null!;

    public IReadOnlyList<RecordingClient> Witnesses => witnesses;

    /// <summary>Sends the clients to another node when they reconnect.</summary>
    public void Node(Uri at) => Volatile.Write(ref address, at);

    /// <summary>Returns the token of a client that connects; null if clients are anonymous.</summary>
    public Func<string>? Token { get; set; }

    /// <summary>Starts a node in this process, its clients and the backend, and returns when all clients receive messages.</summary>
    /// <param name="stage">The Redis, which this run disposes.</param>
    /// <param name="rate">Plain messages a second.</param>
    /// <param name="time">The node's clock.</param>
    /// <param name="settings">More settings of the node.</param>
    public async Task BeginAsync(RedisSetup stage, int rate = 500, TimeProvider? time = null, params string[] settings)
    {
        Stage = stage;
        App = await NotifierApp.StartAsync(stage.Configuration, time: time, settings: [.. NodeSettings, .. settings]);
        await BeginAsync(stage, App.Address, rate);
    }

    /// <summary>The settings of each node.</summary>
    public static string[] NodeSettings { get; } = ["History:Durable:Channels:0=kept.*", "History:Durable:Messages=100000", "Redis:Linger=00:00:00"];

    /// <summary>How many nodes are subscribed to each name at the end.</summary>
    public int Nodes { get; set; } = 1;

    /// <summary>Disposes a process at the end of this run.</summary>
    public void Owns(IAsyncDisposable process) => owned.Add(process);

    /// <summary>Adds a client that always connects to the same node.</summary>
    public RecordingClient Add(Uri node)
    {
        var witness = new RecordingClient(() => node, witnesses.Count, isStream: false, () => Token?.Invoke());
        witnesses.Add(witness);
        return witness;
    }

    /// <summary>The same with a node that runs already.</summary>
    public async Task BeginAsync(RedisSetup stage, Uri node, int rate = 500)
    {
        Stage = stage;
        Node(node);
        for (var n = 0; n < 4; n++)
            witnesses.Add(new RecordingClient(() => address!, n, isStream: n == 3, () => Token?.Invoke()));
        await Task.WhenAll(witnesses.Select(static witness => witness.Ready)).WaitAsync(Settles);
        Backend = await Backend.StartAsync(stage.ConnectAsync, Seed, stage.Moves, rate);
        await HearAllAsync(Backend.PlainCount + Random.Next(50, 100), Backend.KeptCount + Random.Next(5, 20), "the clients receive the load");
        processCheck = new ProcessCheck();
    }

    /// <summary>Starts to measure the recovery.</summary>
    public void FaultEnds()
    {
        atEnd = (Backend.PlainCount, Backend.KeptCount + 1);
        sinceEnd.Restart();
    }

    /// <summary>Waits until each client has received a plain and a durable message that were published after the end of the fault.</summary>
    public async Task RecoverAsync()
    {
        if (!sinceEnd.IsRunning)
            FaultEnds();
        await HearAllAsync(atEnd.Plain, atEnd.Kept, "the clients receive messages published after the fault");
        recovery = sinceEnd.Elapsed;
        await HearAllAsync(Backend.PlainCount + 100, Backend.KeptCount + 10, "the clients continue to receive");
    }

    /// <summary>Counts what the clients received, and checks the promises.</summary>
    public async Task<Outcome> EndAsync()
    {
        if (recovery == TimeSpan.Zero)
            await RecoverAsync();
        await Backend.StopAsync();
        var last = Backend.PlainCount - 1;
        while (last >= 0 && !Backend.HasAcknowledged(last))
            last--;
        await HearAllAsync(last, Backend.KeptCount - 1, "the clients receive the last messages");
        var plain = Sum(0, Backend.HasAcknowledged, Backend.PlainCount);
        var kept = Sum(1, static _ => true, Backend.KeptCount);
        var outcome = new Outcome(Backend.PlainAcknowledged, Backend.PlainCount, Backend.KeptCount, plain, kept, recovery);

        outcome.Plain.Untold.Should().Be(0, $"a gap reports each loss ({outcome})");
        outcome.Plain.Reordered.Should().Be(0, $"plain messages come in order ({outcome})");
        outcome.Plain.Repeated.Should().Be(0, $"plain messages come once ({outcome})");
        outcome.Kept.Reordered.Should().Be(0, $"durable messages come in order ({outcome})");
        if (fault.PlainLosesNothing)
            (outcome.Plain.Lost, outcome.Plain.Gaps).Should().Be((0, 0), $"plain messages are not lost ({outcome})");
        outcome.Kept.Untold.Should().Be(0, $"a gap reports each loss ({outcome})");
        if (!fault.JournalIsLost && !fault.FailsOver)
            (outcome.Kept.Lost, outcome.Kept.Gaps, outcome.Kept.Repeated).Should().Be((0, 0, 0), $"durable messages come once, all of them ({outcome})");
        if (!fault.EndsConnections)
            witnesses.SelectMany(static witness => witness.Ends.Select(end => $"{witness.Name}: {end}")).Should().BeEmpty("clients stay connected");
        recovery.Should().BeLessThan(fault.RecoversWithin);
        await CheckSubscribedAsync();
        await LeaveAsync();
        // If the node is a process of its own, its test checks its memory. This process would only show the memory of the clients.
        return outcome with { RecoversWithin = fault.RecoversWithin, Remark = App is null ? "" : processCheck.Check() };
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var witness in witnesses)
            await witness.DisposeAsync();
        if (Backend is not null)
            await Backend.DisposeAsync();
        if (App is not null)
            await App.DisposeAsync();
        foreach (var process in owned)
            await process.DisposeAsync();
        if (Stage is not null)
            await Stage.DisposeAsync();
    }

    private async Task HearAllAsync(int plain, int kept, string what)
    {
        try
        {
            await Eventually.IsAsync(() => witnesses.All(witness => witness.HasHeard(0, plain) && witness.HasHeard(1, kept)), what, Settles);
        }
        catch (TimeoutException error)
        {
            var deaf = witnesses.Where(witness => !witness.HasHeard(0, plain) || !witness.HasHeard(1, kept)).Select(static witness =>
                $"{witness.Name}: plain {witness.Heard(0).LastOrDefault()}, durable {witness.Heard(1).LastOrDefault()}, {string.Join(", ", witness.Ends)}");
            throw new TimeoutException(
                $"{error.Message} (plain {plain}, durable {kept}; {string.Join("; ", deaf)})\n{string.Join('\n', App?.Log.Lines.TakeLast(20) ?? [])}");
        }
    }

    /// <summary>Redis and the hub agree about the names.</summary>
    private async Task CheckSubscribedAsync()
    {
        await IsSubscribedAsync(
            $"{Backend.Plain} {Nodes} {Backend.Kept} {Nodes} patterns 2", "Redis has each name once for each node");
        if (App is null)
            return;
        App.Hub.NameCount.Should().Be(4);
        App.Hub.CountSubscribers(Name.Channel(Backend.Plain)).Should().Be(2);
        App.Connections.Count.Should().Be(witnesses.Count);
    }

    /// <summary>Disconnects all clients, and checks that no name is left.</summary>
    private async Task LeaveAsync()
    {
        foreach (var witness in witnesses)
            await witness.DisposeAsync();
        witnesses.Clear();
        if (App is not null)
            await Eventually.IsAsync(
                () =>
                {
                    App.Hub.Sweep();
                    return App.Connections.Count == 0 && App.Hub.NameCount == 0;
                },
                "no connection and no name is left", Settles);
        await IsSubscribedAsync($"{Backend.Plain} 0 {Backend.Kept} 0 patterns 0", "nothing is left subscribed in Redis");
    }

    private async Task IsSubscribedAsync(string expected, string what)
    {
        var found = "";
        try
        {
            await Eventually.IsAsync(async () => (found = await Stage.SubscribedAsync(Backend.Plain, Backend.Kept)) == expected, what, Settles);
        }
        catch (TimeoutException error)
        {
            throw new TimeoutException($"{error.Message} ({found}, not {expected})\n{string.Join('\n', App?.Log.Lines.TakeLast(20) ?? [])}");
        }
    }

    private LossReport Sum(int name, Func<int, bool> isPromised, int published) => witnesses
        .Select(witness => LossReport.Of(witness.Heard(name), isPromised, published, fault.GapWithin))
        .Aggregate(LossReport.Nothing, static (sum, one) => sum + one);
}
