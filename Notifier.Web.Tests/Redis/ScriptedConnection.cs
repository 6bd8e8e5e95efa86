using System.Collections.Concurrent;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;

namespace Notifier.Tests.Redis;

/// <summary>A connection to Redis that delivers what a test sends, and records what the receiver passes to the library.</summary>
internal sealed class ScriptedConnection(int capacity) : IReceiverSource, IDisposable
{
    private readonly BlockingCollection<byte[]> chunks = new(capacity);
    private readonly TaskCompletionSource<Exception?> closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock gate = new();
    private readonly List<byte> passed = [];
    private byte[] rest = [];
    private int users;
    private long sent;
    private long taken;
    private long waitsAfter = -1;

    public ConnectionLifetime Token { get; } = new();

    /// <summary>The bytes that the library has received.</summary>
    public byte[] Passed
    {
        get
        {
            lock (gate)
                return [.. passed];
        }
    }

    public int Batches { get; private set; }

    /// <summary>Violations of the receiver's contract.</summary>
    public ConcurrentQueue<string> Errors { get; } = [];

    /// <summary>The numbers of bytes that the receiver waited for in a pause.</summary>
    public ConcurrentQueue<int> WaitedFor { get; } = [];

    public bool WantsMore { get; set; } = true;

    /// <summary>Called with the bytes that the library receives.</summary>
    public Action<byte[]> Passing { get; set; } = static _ => { };

    public Action Closing { get; set; } = static () => { };

    /// <summary>The error with which the connection ends, or null for a normal end.</summary>
    public Func<Exception?> Fails { get; set; } = static () => null;

    /// <summary>Sends the frames in one read, as far as the buffer has room.</summary>
    public void Send(params byte[][] frames) => SendChunk(Resp.Join(frames));

    public void SendInChunks(byte[] bytes, Func<int> size)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var length = Math.Min(size(), bytes.Length - at);
            SendChunk(bytes[at..(at + length)]);
            at += length;
        }
    }

    private void SendChunk(byte[] bytes)
    {
        Interlocked.Increment(ref sent);
        chunks.Add(bytes);
    }

    /// <summary>Completes when the receiver has read everything and waits for more, which means that it has broadcast everything.</summary>
    public Task WhenReadAsync() => Eventually.IsAsync(() => Interlocked.Read(ref waitsAfter) == Interlocked.Read(ref sent), "the receiver has read everything");

    /// <summary>Ends the connection. Returns the error with which the receiver closed it.</summary>
    public Task<Exception?> EndAsync()
    {
        chunks.CompleteAdding();
        return WhenClosedAsync();
    }

    public Task<Exception?> WhenClosedAsync() => closed.Task.WaitAsync(Eventually.Limit);

    public int Receive(Span<byte> room)
    {
        using var use = new Use(this, "Receive");
        if (rest.Length == 0)
        {
            Interlocked.Exchange(ref waitsAfter, Interlocked.Read(ref taken));
            if (!TryTake(Timeout.Infinite))
                return Fails() is { } error ? throw error : 0;
        }
        return Copy(room);
    }

    public void WaitFor(int bytes, TimeSpan time)
    {
        using var use = new Use(this, "WaitFor");
        WaitedFor.Enqueue(bytes);
    }

    public int Poll(Span<byte> room)
    {
        using var use = new Use(this, "Poll");
        return rest.Length > 0 || TryTake(0) ? Copy(room) : 0;
    }

    public bool Forward(ReadOnlySpan<byte> frames)
    {
        using var use = new Use(this, "Pass");
        lock (gate)
            passed.AddRange(frames);
        Passing(frames.ToArray());
        return WantsMore;
    }

    public void EndBatch()
    {
        using var use = new Use(this, "EndBatch");
        Batches++;
    }

    public void Close(Exception? error)
    {
        using var use = new Use(this, "Close");
        Closing();
        if (!closed.TrySetResult(error))
            Errors.Enqueue("It was closed twice.");
    }

    public void Dispose()
    {
        chunks.CompleteAdding();
        chunks.Dispose();
    }

    private bool TryTake(int milliseconds)
    {
        if (!chunks.TryTake(out var chunk, milliseconds))
            return false;
        rest = chunk;
        Interlocked.Increment(ref taken);
        return true;
    }

    private int Copy(Span<byte> room)
    {
        if (room.IsEmpty)
            Errors.Enqueue("There is no room.");
        var length = Math.Min(room.Length, rest.Length);
        rest.AsSpan(0, length).CopyTo(room);
        rest = rest[length..];
        return length;
    }

    /// <summary>Detects concurrent use, because only one thread at a time may use the connection.</summary>
    private readonly ref struct Use
    {
        private readonly ScriptedConnection connection;

        public Use(ScriptedConnection connection, string what)
        {
            this.connection = connection;
            if (Interlocked.Increment(ref connection.users) != 1)
                connection.Errors.Enqueue($"{what} by two threads.");
            if (connection.closed.Task.IsCompleted)
                connection.Errors.Enqueue($"{what} after it was closed.");
        }

        public void Dispose() => Interlocked.Decrement(ref connection.users);
    }
}
