using Notifier.History.Durable;
using Notifier.Tests.Support;
using StackExchange.Redis;

namespace Notifier.Tests.Faults;

/// <summary>
/// Publishes numbered messages, plain and durable, and records which of them Redis acknowledged. It drops a rejected plain message, like a backend that
/// ignores errors. It publishes a rejected durable message again, with the same idempotency key, until Redis acknowledges it.
/// </summary>
internal sealed class Backend : IAsyncDisposable
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(10);

    private readonly Func<Task<ConnectionMultiplexer>> connect;
    private readonly Random random;
    private readonly string run;
    private readonly CancellationTokenSource stopping = new();
    private readonly List<bool> plain = [];
    private volatile ConnectionMultiplexer redis;
    private volatile int kept;
    private volatile int plainPerSecond;
    private Task publishing = Task.CompletedTask;

    private Backend(Func<Task<ConnectionMultiplexer>> connect, ConnectionMultiplexer redis, int seed)
    {
        this.connect = connect;
        this.redis = redis;
        random = new Random(seed);
        run = $"{seed}-{Guid.NewGuid():N}";
    }

    /// <summary>The channel of plain messages.</summary>
    public const string Plain = "faults.plain";

    /// <summary>The durable channel.</summary>
    public const string Kept = "kept.faults";

    /// <summary>Whether a new connection replaces one that failed, because the primary may have moved.</summary>
    public bool ConnectsAnew { get; init; }

    /// <summary>Plain messages that the backend tried to publish.</summary>
    public int PlainCount
    {
        get
        {
            lock (plain)
                return plain.Count;
        }
    }

    /// <summary>Durable messages that Redis acknowledged. Redis may have the next one, too.</summary>
    public int KeptCount => kept;

    /// <summary>Plain messages that Redis acknowledged.</summary>
    public int PlainAcknowledged
    {
        get
        {
            lock (plain)
                return plain.Count(static acknowledged => acknowledged);
        }
    }

    public static async Task<Backend> StartAsync(Func<Task<ConnectionMultiplexer>> connect, int seed, bool connectsAnew, int plainPerSecond)
    {
        var backend = new Backend(connect, await connect(), seed) { ConnectsAnew = connectsAnew, plainPerSecond = plainPerSecond };
        backend.publishing = Task.WhenAll(Task.Run(backend.PublishPlainAsync), Task.Run(backend.PublishKeptAsync));
        return backend;
    }

    public bool HasAcknowledged(int number)
    {
        lock (plain)
            return plain[number];
    }

    /// <summary>Changes the rate of plain messages.</summary>
    public void Publish(int messagesPerSecond) => plainPerSecond = messagesPerSecond;

    /// <summary>Stops, once Redis has acknowledged the durable message that is under way.</summary>
    public async Task StopAsync()
    {
        await stopping.CancelAsync();
        await publishing;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await redis.DisposeAsync();
        stopping.Dispose();
    }

    private async Task PublishPlainAsync()
    {
        using var beat = RealTime.Pace(Beat);
        while (!stopping.IsCancellationRequested && await NextAsync(beat))
        {
            var present = redis;
            var first = PlainCount;
            var batch = new List<Task<bool>>();
            for (var n = 0; n < Math.Max(1, plainPerSecond * Beat.TotalSeconds); n++)
            {
                lock (plain)
                    plain.Add(false);
                batch.Add(TryAsync(() => PublishAsync(present, Payload(first + n))));
            }
            var acknowledged = await Task.WhenAll(batch);
            lock (plain)
            {
                for (var n = 0; n < acknowledged.Length; n++)
                    plain[first + n] = acknowledged[n];
            }
            if (!acknowledged[^1])
                await ConnectAnewAsync(present);
        }
    }

    /// <summary>Publishes to the same server of a Cluster each time, because two servers deliver in no common order.</summary>
    private static Task<RedisResult> PublishAsync(ConnectionMultiplexer redis, string payload) =>
        (redis.GetServers().FirstOrDefault(static server => server.IsConnected) ?? redis.GetServers()[0]).ExecuteAsync("PUBLISH", Plain, payload);

    private async Task PublishKeptAsync()
    {
        using var beat = RealTime.Pace(Beat);
        while (!stopping.IsCancellationRequested && await NextAsync(beat))
        {
            var present = redis;
            var payload = Payload(kept);
            // Redis may have this message already. The backend publishes it again before the next message, and before it stops.
            while (!await TryAsync(() => present.GetDatabase().ScriptEvaluateAsync(
                JournalScripts.Publish, ["{notifier}:journal"], [Kept, payload, $"{run}-{kept}"])))
            {
                await ConnectAnewAsync(present);
                await beat.WaitForNextTickAsync(CancellationToken.None);
                present = redis;
            }
            kept++;
        }
    }

    private async Task<bool> NextAsync(PeriodicTimer beat)
    {
        try
        {
            return await beat.WaitForNextTickAsync(stopping.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task<bool> TryAsync(Func<Task> publish)
    {
        try
        {
            await publish();
            return true;
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            return false;
        }
    }

    private async Task ConnectAnewAsync(ConnectionMultiplexer failed)
    {
        if (!ConnectsAnew || failed != redis)
            return;
        try
        {
            var fresh = await connect();
            if (Interlocked.CompareExchange(ref redis!, fresh, failed) == failed)
                await failed.DisposeAsync();
            else
                await fresh.DisposeAsync();
        }
        catch (Exception error) when (error is RedisException or TimeoutException)
        {
            // Redis does not answer yet.
        }
    }

    private string Payload(int number)
    {
        lock (random)
            return $"{number} {new string('x', random.Next(200))}";
    }
}
