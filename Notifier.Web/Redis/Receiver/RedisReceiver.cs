using System.Net.Sockets;
using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>
/// Reads one subscription connection: extracts and delivers the messages, and forwards every other byte to the library. One thread waits for bytes,
/// appends all messages of a read to the logs of their names (<see cref="FrameRouter"/>), and then broadcasts them (<see cref="BroadcastQueue"/>). Other
/// threads only help with a large broadcast, or replace a stuck thread.
/// </summary>
/// <remarks>
/// <para>During a long broadcast the thread reads now and then, because Redis disconnects a subscriber whose output buffer is full.</para>
/// <para>When a delivery is stuck, in code that should never wait, another thread replaces the one that reads: one bug must not stop all messages of the node.
/// The replaced thread ends its own delivery if it ever continues, and does nothing else.</para>
/// </remarks>
internal sealed partial class RedisReceiver : IDisposable
{
    /// <summary>When many messages arrive at once, the most bytes that are read before any is sent.</summary>
    private const int MaxReadAtOnce = 4 * 1024 * 1024;

    /// <summary>While this many threads are stuck, one more would not help.</summary>
    private const int MaxStuck = 16;

    /// <summary>
    /// How long a delivery may make no progress. It takes microseconds, but its thread may have to wait for a processor, and a delivery that is wrongly
    /// considered stuck costs its name messages.
    /// </summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(1);

    private readonly ConnectionLifetime lifetime;
    private readonly IReceiverSource source;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private ITimer? watchdog;
    private ReaderThread current;
    private int stuck;

    // Used by the current reader only, and not while it delivers.
    private readonly ReceiveBuffer buffer = new();
    private readonly AnswerPause pause;
    private readonly BroadcastQueue broadcasts;
    private readonly FrameRouter router;

    public RedisReceiver(
        SubscribedNames names, RedisNames redisNames, DeliveryHelpers helpers, ConnectionLifetime lifetime, IReceiverSource source, TimeProvider time,
        ILogger logger)
    {
        this.lifetime = lifetime;
        this.source = source;
        this.time = time;
        this.logger = logger;
        pause = new AnswerPause(time);
        broadcasts = new BroadcastQueue(helpers, pause);
        router = new FrameRouter(names, redisNames, lifetime, source, buffer, broadcasts, pause, logger);
        current = new ReaderThread(ReadDuringBroadcast);
    }

    public void Start()
    {
        watchdog = time.CreateTimer(static self => ((RedisReceiver)self!).Watch(), this, StuckAfter / 2, StuckAfter / 2);
        Begin(current);
    }

    public void Dispose() => watchdog?.Dispose();

    private void Begin(ReaderThread reader) =>
        new Thread(() => Run(reader), maxStackSize: 512 * 1024) { IsBackground = true, Name = "Redis messages" }.Start();

    private void Run(ReaderThread reader)
    {
        try
        {
            if (!Read(reader))
                return;
        }
        catch (Exception error)
        {
            if (reader.IsReplaced)
                return;     // another thread has the connection
            // Whatever it is, the connection ends in order, and the library opens another.
            router.Fail(error);
        }
        finally
        {
            if (reader.IsReplaced)
                Interlocked.Decrement(ref stuck);
        }
        // Subscribers get all received messages, however the connection ended.
        while (!broadcasts.IsEmpty)
        {
            if (!broadcasts.Broadcast(reader))
                return;
        }
        var failure = router.Failure;
        if (failure is InvalidDataException)
            Log.Malformed(logger, failure.Message);
        lifetime.End();
        Dispose();
        source.Close(failure is SocketException or IOException or ObjectDisposedException ? null : failure);
    }

    /// <returns>False when another thread reads.</returns>
    private bool Read(ReaderThread reader)
    {
        if (!buffer.IsEmpty && !router.Route(reader))     // what the replaced thread has left
            return false;
        while (true)
        {
            if (!broadcasts.Broadcast(reader))
                return false;
            if (router.Failure is not null)
                return true;
            if (!broadcasts.HasWaiting && pause.TryBegin(out var awaited))
                source.WaitFor(awaited, AnswerPause.Longest);
            var room = buffer.MakeRoom();
            var read = broadcasts.HasWaiting ? source.Poll(room) : source.Receive(room);
            if (read <= 0 && !broadcasts.HasWaiting)
                return true;
            if (!RouteAll(reader, read, room.Length))
                return false;
        }
    }

    /// <summary>
    /// Routes what was read, and reads again while there is more. Sending comes afterwards, because Redis disconnects a reader that lags behind.
    /// </summary>
    private bool RouteAll(ReaderThread reader, int read, int room)
    {
        for (var total = 0; read > 0; total += read)
        {
            buffer.Add(read);
            if (!router.Route(reader))
                return false;
            if (read < room || total > MaxReadAtOnce || router.Failure is not null)
                break;
            var next = buffer.MakeRoom();
            (read, room) = (source.Poll(next), next.Length);
        }
        return true;
    }

    /// <summary>In the middle of a broadcast: reads what Redis has sent meanwhile.</summary>
    private void ReadDuringBroadcast(ReaderThread reader)
    {
        if (!reader.TryLeave())
            return;     // another thread reads
        try
        {
            var room = buffer.MakeRoom();
            if (router.Failure is null && !RouteAll(reader, source.Poll(room), room.Length))
                return;
        }
        catch (Exception error)
        {
            router.Fail(error);      // handled after the broadcast, which did nothing wrong
        }
        reader.Enter();
    }

    /// <summary>Called by the timer: replaces a thread that is stuck.</summary>
    private void Watch()
    {
        var watched = Volatile.Read(ref current);
        if (!watched.IsStuck() || Volatile.Read(ref stuck) >= MaxStuck)
            return;
        var next = new ReaderThread(ReadDuringBroadcast);
        Interlocked.Increment(ref stuck);
        if (!watched.TryReplace())
        {
            Interlocked.Decrement(ref stuck);
            return;
        }
        Volatile.Write(ref current, next);
        Begin(next);
        try
        {
            Log.Stuck(logger);      // which may block as well: perhaps the other thread is stuck in the logger
        }
        catch (Exception)
        {
            // A logger is foreign code, and an exception would end the timer's thread.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3, LogLevel.Error, "{Error} Notifier closes the connection and opens it again.")]
        public static partial void Malformed(ILogger logger, string error);

        [LoggerMessage(4, LogLevel.Critical, "A delivery is stuck: its name delivers nothing until it ends; another thread continues to read. This is a bug in Notifier; please report it.")]
        public static partial void Stuck(ILogger logger);
    }
}
