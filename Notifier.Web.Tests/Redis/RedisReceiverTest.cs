using System.Collections.Concurrent;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Redis;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;

namespace Notifier.Tests.Redis;

/// <summary>
/// A receiver reads the bytes that a test sends, and delivers them to sinks of the test. Neither Redis nor a browser takes part.
/// </summary>
public abstract class RedisReceiverTest : IDisposable
{
    /// <summary>A reply that only the library understands.</summary>
    public static readonly byte[] Pong = Resp.Text("*2\r\n$4\r\npong\r\n$0\r\n\r\n");

    private protected SubscribedNames Names { get; } = new();
    private readonly List<ScriptedConnection> connections = [];

    /// <summary>The receivers' calls to the sinks, in order.</summary>
    private protected ConcurrentQueue<string> Calls { get; } = [];

    private protected LogCapture Log { get; } = new();

    /// <summary>Does not move by itself, so that a delivery on a busy machine does not look stuck.</summary>
    private protected FakeTimeProvider Time { get; } = new();

    private protected RedisOptions Options { get; set; } = new();

    private protected DeliveryHelpers Helpers { get; set; } = DeliveryHelpers.None;

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        connections.ForEach(static connection => connection.Dispose());
        Log.Dispose();
    }

    private protected static byte[] Confirm(string channel) => Resp.Confirmation("subscribe", channel);

    private protected RecordingSink Attach(Name name, string? inRedis = null)
    {
        var sink = new RecordingSink(name, Calls);
        Attach(sink, inRedis ?? name.Text);
        return sink;
    }

    private protected void Attach(IMessageSink sink, string inRedis)
    {
        var name = new SubscribedName(Resp.Text(inRedis), isPattern: sink.Name.Kind == NameKind.Pattern);
        name.Attach(sink);
        Names.Add(name);
    }

    private protected ScriptedConnection Connect(TimeProvider? otherTime = null, int capacity = int.MaxValue)
    {
        var connection = new ScriptedConnection(capacity);
        connections.Add(connection);
        new RedisReceiver(
            Names, new RedisNames(Microsoft.Extensions.Options.Options.Create(Options)), Helpers, connection.Token, connection, otherTime ?? Time, Log.CreateLogger("receiver")).Start();
        return connection;
    }

    /// <summary>Moves the clock until a running delivery counts as stuck.</summary>
    private protected void PassTime()
    {
        for (var n = 0; n < 4; n++)
            Time.Advance(RedisReceiver.StuckAfter / 2);
    }

    private protected static void NoSinkWasUsedByTwoThreads(params RecordingSink[] sinks) =>
        sinks.Should().OnlyContain(static sink => !sink.WasUsedByTwoThreads, "only one thread at a time delivers, and only one broadcasts");
}
