using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Notifier.Connections;

/// <summary>
/// Limits what one address makes Notifier read over TLS, apart from the bytes that requests and WebSockets use. TLS handshakes, and frames of HTTP/2 such as
/// PING, cost processor time, and no route sees them. Reading waits, so the client has to wait too, and nothing is lost. One thread reads at a time.
/// </summary>
internal sealed class MeteredInput(ConnectionContext connection, OwnerRate rate, ResourceOwner owner) : PipeReader, IDuplexPipe
{
    /// <summary>What an admitted request of HTTP/2, which compresses headers, may need for them.</summary>
    private const int Http2RequestBytes = 64;

    /// <summary>What a client may send for each write of a stream of HTTP/2: it says how much more it can take.</summary>
    public const int WindowBytes = 64;

    /// <summary>What the first WebSocket or event stream of a connection may need for TLS and its headers. Admission limits how many an address opens and leaves.</summary>
    private const int SessionBytes = 4 * 1024;

    /// <summary>So many bytes are charged at once, because each charge takes a lock.</summary>
    private const int Step = 4 * 1024;

    /// <summary>So much more may have been used than was read since the last charge: bytes of a body are charged some time before the request uses them.</summary>
    private const int MaxAhead = 256 * 1024;

    /// <summary>What a TLS handshake is charged besides its bytes, for the processor time that it takes.</summary>
    private const int HandshakeBytes = 1024;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly IDuplexPipe transport = connection.Transport;
    private readonly PipeReader input = connection.Transport.Input;
    private ReadOnlySequence<byte> buffer;
    private int sessions;
    private volatile bool isExempt;
    private long credit;

    private long unpaid = HandshakeBytes;

    /// <summary>Whether the address was charged since the last check, so that its limit may be reached.</summary>
    private bool mayBeExhausted = true;

    PipeReader IDuplexPipe.Input => this;

    PipeWriter IDuplexPipe.Output => transport.Output;

    /// <summary>A request or a WebSocket has used bytes of the connection, if that is limited. Thread-safe.</summary>
    /// <param name="context">The request.</param>
    /// <param name="bytes">Without what is around them: frames and TLS need an eighth more, unless they are tiny.</param>
    public static void Credit(HttpContext context, int bytes) => context.Features.Get<MeteredInput>()?.Credit(bytes);

    /// <summary>A request was admitted: its headers are used.</summary>
    public static void CreditRequest(HttpContext context)
    {
        if (context.Features.Get<MeteredInput>() is not { } metered)
            return;
        if (!HttpProtocol.IsHttp11(context.Request.Protocol))
        {
            metered.Credit(Http2RequestBytes);
            return;
        }
        var bytes = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Length;
        foreach (var (name, values) in context.Request.Headers)
        {
            foreach (var value in values)
                bytes += name.Length + (value?.Length ?? 0);
        }
        metered.Credit(bytes);
    }

    /// <summary>A WebSocket or an event stream was admitted.</summary>
    public static void CreditSession(HttpContext context)
    {
        if (context.Features.Get<MeteredInput>() is { } metered)
            metered.Credit(Interlocked.Exchange(ref metered.sessions, 1) == 0 ? SessionBytes : Http2RequestBytes);
    }

    /// <summary>The connection is that of a backend, which has no limits.</summary>
    public static void Exempt(HttpContext context)
    {
        if (context.Features.Get<MeteredInput>() is { } metered)
            metered.isExempt = true;
    }

    /// <inheritdoc cref="Credit(HttpContext, int)"/>
    public void Credit(int bytes) => Interlocked.Add(ref credit, bytes + (bytes / 8));

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (mayBeExhausted)
        {
            if (rate.IsExhausted(owner))
                return WaitAsync(cancellationToken);
            mayBeExhausted = false;
        }
        var reading = input.ReadAsync(cancellationToken);
        if (!reading.IsCompletedSuccessfully)
            return KeepAsync(reading);
        var read = reading.Result;
        buffer = read.Buffer;
        return new(read);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!input.TryRead(out result))
            return false;
        buffer = result.Buffer;
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        unpaid += buffer.Slice(0, consumed).Length;
        buffer = default;
        if (unpaid >= Step)
            Pay();
        input.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => input.CancelPendingRead();

    public override void Complete(Exception? exception = null) => input.Complete(exception);

    /// <summary>Charges the address for what was read and not used. Called by the thread that reads, and at the end of the connection.</summary>
    public void Pay()
    {
        unpaid = Math.Max(unpaid - Interlocked.Exchange(ref credit, 0), -MaxAhead);
        if (unpaid <= 0 || isExempt)
            return;
        rate.Charge(owner, (int)Math.Min(unpaid, int.MaxValue));
        unpaid = 0;
        mayBeExhausted = true;
    }

    private async ValueTask<ReadResult> KeepAsync(ValueTask<ReadResult> reading)
    {
        var read = await reading;
        buffer = read.Buffer;
        return read;
    }

    private async ValueTask<ReadResult> WaitAsync(CancellationToken cancellationToken)
    {
        while (rate.IsExhausted(owner) && !isExempt && !connection.ConnectionClosed.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            await Task.Delay(Pause, connection.ConnectionClosed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        mayBeExhausted = false;
        return await KeepAsync(input.ReadAsync(cancellationToken));
    }
}
