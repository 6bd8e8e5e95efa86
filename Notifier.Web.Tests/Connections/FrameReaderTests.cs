using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;
using CsCheck;
using FluentAssertions;
using Notifier.Connections;
using Notifier.Tests.Faults;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Connections;

/// <summary>The reader of frames from the bare transport.</summary>
public sealed class FrameReaderTests : ClientReaderTests
{
    private const byte Continuation = 0;

    /// <summary>Each write is read at once, as a piece of its own.</summary>
    private readonly Pipe pipe;

    private readonly ITestOutputHelper output;

    public FrameReaderTests(ITestOutputHelper output) : this(output, NewPipe())
    {
    }

    private FrameReaderTests(ITestOutputHelper output, Pipe pipe) : base(ReaderOf(pipe.Reader, new ScriptedTransport())) => (this.output, this.pipe) = (output, pipe);

    /// <summary>Frames as clients send them: mostly valid, in one or several fragments, with control frames between them.</summary>
    private static readonly Gen<byte[]> Sent =
        from frames in Gen.Frequency(
            (8, Whole(Frame.TextOpcode)), (2, Whole(Frame.BinaryOpcode)), (4, Fragments(Frame.TextOpcode)), (1, Fragments(Frame.BinaryOpcode)), (4, Control),
            (1, Gen.Int[0, Rfc6455.All.Count - 1].Select(n => Rfc6455.All[n].Bytes)), (1, TooLarge), (1, Closing)).Array[1, 8]
        select frames.SelectMany(static frame => frame).ToArray();

    /// <summary>
    /// Two implementations that share no code: the same bytes, cut into the same pieces, become the same messages, pongs and close frames.
    /// </summary>
    [Fact]
    public async Task Any_bytes_are_read_as_dotnet_reads_them()
    {
        var kinds = new Dictionary<ClientMessageKind, int>();
        var gen = from bytes in Sent
                  from cuts in Gen.Int[1, 40].Array[0, 20]
                  select (bytes, cuts);

        await gen.SampleAsync(
            async sample =>
            {
                var pieces = Cut(sample.bytes, sample.cuts);
                var (ours, dotnet) = (await ReadAsync(pieces), await ReadWithDotNetAsync(pieces));
                ours.Should().Be(dotnet, Convert.ToHexString(sample.bytes));
                foreach (var kind in ours.Kinds)
                    kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
            },
            iter: 20_000, time: Fuzz.Seconds, threads: 1);

        output.WriteLine(string.Join(", ", kinds));
        kinds.Keys.Should().BeEquivalentTo(
            [ClientMessageKind.Text, ClientMessageKind.Binary, ClientMessageKind.Close, ClientMessageKind.Lost, ClientMessageKind.TooBig]);
    }

    [Theory]
    [InlineData(new byte[] { 0xF4 }, new byte[] { 0x90 })]
    [InlineData(new byte[] { 0x61, 0xCE, 0xBA, 0xE1 }, new byte[] { 0xFF })]
    public async Task An_invalid_text_ends_before_its_last_byte_has_arrived(byte[] valid, byte[] invalid)
    {
        var transport = new ScriptedTransport();
        using var other = ReaderOf(pipe.Reader, transport);
        other.Limit = 100;
        await SendsAsync([.. RawWebSocket.Masked(Frame.TextOpcode, valid, final: false), 0x00, 0x80 | 5, 0, 0, 0, 0]);
        var reading = other.ReadAsync();

        await SendsAsync(invalid);

        (await reading.WaitAsync(Eventually.Limit)).Kind.Should().Be(ClientMessageKind.Lost);
        transport.Taken.Should().Equal(0x88, 2, 0x03, 0xEF);
    }

    [Fact]
    public async Task A_message_that_is_too_large_is_rejected_before_its_payload_arrives_and_discarded_when_it_does()
    {
        var reader = ReaderOf(pipe.Reader, new ScriptedTransport());
        reader.Limit = 100;
        var frame = RawWebSocket.Masked(Frame.TextOpcode, new byte[200_000]);
        await SendsAsync(frame[..14]);
        (await reader.ReadAsync()).Kind.Should().Be(ClientMessageKind.TooBig);

        reader.Drain();
        var reading = reader.ReadAsync();
        foreach (var piece in frame[14..].Chunk(4_096))
            await SendsAsync(piece);
        await SendsAsync(Rfc6455.Close(1000));

        (await reading.WaitAsync(Eventually.Limit)).Kind.Should().Be(ClientMessageKind.Close);
        reader.CloseStatus.Should().Be(WebSocketCloseStatus.NormalClosure);
    }

    [Fact]
    public async Task A_client_that_sends_frames_without_end_after_the_close_is_lost()
    {
        var reader = ReaderOf(pipe.Reader, new ScriptedTransport());
        reader.Limit = 100;
        reader.Drain();
        var reading = reader.ReadAsync();
        var (sent, ping) = (0, RawWebSocket.Masked(Frame.PingOpcode, new byte[100]));

        for (; !reading.IsCompleted && sent < 1_000_000; sent += ping.Length)
            await SendsAsync(ping);

        (await reading.WaitAsync(Eventually.Limit)).Kind.Should().Be(ClientMessageKind.Lost);
        sent.Should().BeInRange(256 * 1024, 300 * 1024);
    }

    [Fact]
    public async Task A_connection_that_ends_in_the_middle_of_a_frame_is_lost()
    {
        var reader = ReaderOf(pipe.Reader, new ScriptedTransport());
        reader.Limit = 100;
        await SendsAsync(RawWebSocket.Masked(Frame.TextOpcode, "hello"u8.ToArray())[..^1]);
        await pipe.Writer.CompleteAsync();

        (await reader.ReadAsync()).Should().Be(ClientMessage.LostWithoutClose);
    }

    private protected override async Task SendsAsync(byte[] bytes) => await pipe.Writer.WriteAsync(bytes);

    /// <summary>Never full: a reader that has ended reads no more.</summary>
    private static Pipe NewPipe() => new(new PipeOptions(readerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));

    private static FrameReader ReaderOf(PipeReader pipe, ScriptedTransport transport) => new(pipe, ConnectionOver(transport));

    private static async Task<Result> ReadAsync(byte[][] pieces)
    {
        var transport = new ScriptedTransport();
        var pipe = NewPipe();
        using var reader = ReaderOf(pipe.Reader, transport);
        return await ReadAllAsync(reader, transport, pieces, piece => pipe.Writer.WriteAsync(piece).AsTask(), () => pipe.Writer.Complete());
    }

    private static async Task<Result> ReadWithDotNetAsync(byte[][] pieces)
    {
        var transport = new ScriptedTransport();
        var connection = ConnectionOver(transport);
        var pipe = NewPipe();
        await using var stream = new Notifier.Connections.WebSocketStream(pipe.Reader.AsStream(), connection, connection.Input!);
        var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.Zero });
        using var reader = new WebSocketReader(socket, connection);
        return await ReadAllAsync(reader, transport, pieces, piece => pipe.Writer.WriteAsync(piece).AsTask(), () => pipe.Writer.Complete());
    }

    /// <summary>Reads until the connection ends, or a message is too large.</summary>
    private static async Task<Result> ReadAllAsync(ClientReader reader, ScriptedTransport transport, byte[][] pieces, Func<byte[], Task> send, Action end)
    {
        reader.Limit = 1024;
        var messages = new List<ClientMessage>();
        var reading = Task.Run(async () =>
        {
            do
                messages.Add(await reader.ReadAsync());
            while (messages[^1].Kind is ClientMessageKind.Text or ClientMessageKind.Binary);
        });
        foreach (var piece in pieces)
            await send(piece);
        end();
        await reading.WaitAsync(Eventually.Limit);
        return new Result(messages, transport.Taken, reader.CloseStatus);
    }

    private static byte[][] Cut(byte[] bytes, int[] lengths)
    {
        var (pieces, at) = (new List<byte[]>(), 0);
        foreach (var length in lengths)
        {
            pieces.Add(bytes[at..Math.Min(at + length, bytes.Length)]);
            at = Math.Min(at + length, bytes.Length);
        }
        // .NET reads a header together with its mask, so it sees that a mask is missing only when more bytes arrive.
        return [.. pieces, bytes[at..], .. Enumerable.Repeat(RawWebSocket.Masked(Frame.TextOpcode, []), 3)];
    }

    private static Gen<byte[]> Payload(byte opcode) => opcode == Frame.BinaryOpcode ? Gen.Byte.Array[0, 200] : Gen.Frequency(
        (10, Gen.OneOf("a", "é", "€", "😀", "news.*").Array[0, 50].Select(static text => Encoding.UTF8.GetBytes(string.Concat(text)))),
        (1, Gen.Byte.Array[1, 6]));

    private static Gen<byte[]> Whole(byte opcode) => Payload(opcode).SelectMany(payload => Masked(opcode, payload, true));

    private static Gen<byte[]> Fragments(byte opcode) =>
        from payload in Payload(opcode)
        from cut in Gen.Int[0, payload.Length]
        from first in Masked(opcode, payload[..cut], false)
        from between in Gen.Frequency((2, Gen.Const(Array.Empty<byte>())), (1, Control))
        from last in Masked(Continuation, payload[cut..], true)
        select (byte[])[.. first, .. between, .. last];

    private static Gen<byte[]> Control => Gen.OneOf(Frame.PingOpcode, Frame.PongOpcode).SelectMany(opcode =>
        Gen.Byte.Array[0, 125].SelectMany(payload => Masked(opcode, payload, true)));

    private static Gen<byte[]> Closing => Gen.UShort[990, 5010].SelectMany(code =>
        Gen.OneOf("", "bye", "€").SelectMany(reason => Masked(Frame.CloseOpcode, [(byte)(code >> 8), (byte)code, .. Encoding.UTF8.GetBytes(reason)], true)));

    private static Gen<byte[]> TooLarge => Gen.OneOf(1025, 2000, 70_000).SelectMany(length => Masked(Frame.TextOpcode, Enumerable.Repeat((byte)'a', length).ToArray(), true));

    private static Gen<byte[]> Masked(byte opcode, byte[] payload, bool final) => Gen.Byte.Array[4].Select(mask =>
    {
        var frame = RawWebSocket.Masked(opcode, payload, final);
        var at = frame.Length - payload.Length;
        mask.CopyTo(frame, at - mask.Length);
        for (var n = 0; n < payload.Length; n++)
            frame[at + n] = (byte)(payload[n] ^ mask[n % mask.Length]);
        return frame;
    });

    /// <summary>What was read and answered, as text, to be compared.</summary>
    private sealed record Result(string Text)
    {
        public Result(List<ClientMessage> messages, byte[] answers, WebSocketCloseStatus? status) : this(
            string.Join('\n', messages.Select(static message => $"{message.Kind} {(message.Kind == ClientMessageKind.Lost ? "" : message.Text)} {Convert.ToHexString(message.Bytes ?? [])}"))
            + $"\nanswers {Convert.ToHexString(answers.AsSpan().EndsWith(NotText) ? NotText : answers)}\nstatus {(messages[^1].Kind == ClientMessageKind.Close ? status : null)}") =>
            Kinds = [.. messages.Select(static message => message.Kind)];

        /// <summary>The close frame after an invalid text. .NET notices some of these later, and answers a ping before.</summary>
        private static ReadOnlySpan<byte> NotText => [0x88, 2, 0x03, 0xEF];

        public ClientMessageKind[] Kinds { get; } = [];

        public bool Equals(Result? other) => other?.Text == Text;

        public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);
    }
}
