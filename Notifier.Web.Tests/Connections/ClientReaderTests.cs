using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>
/// A reader assembles whole messages, and rejects those that are too large, however the client and the network split them. Both readers do it alike.
/// </summary>
public abstract class ClientReaderTests
{
    private const int Limit = 1024;
    private const byte Continuation = 0;

    private readonly ClientReader reader;

    private protected ClientReaderTests(ClientReader reader)
    {
        this.reader = reader;
        reader.Limit = Limit;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Limit)]
    public async Task A_message_of_up_to_the_limit_is_read(int length)
    {
        await SendsAsync(RawWebSocket.Masked(Frame.TextOpcode, Letters(length)));

        (await ReadAsync()).Should().Be(new ClientMessage(ClientMessageKind.Text, new string('a', length)));
    }

    [Fact]
    public async Task A_message_one_byte_above_the_limit_is_too_big()
    {
        await SendsAsync(RawWebSocket.Masked(Frame.TextOpcode, Letters(Limit + 1)));

        (await ReadAsync()).Kind.Should().Be(ClientMessageKind.TooBig);
    }

    [Fact]
    public async Task A_message_at_the_limit_is_read_even_if_it_arrives_byte_by_byte()
    {
        var reading = ReadAsync();
        foreach (var piece in RawWebSocket.Masked(Frame.TextOpcode, Letters(Limit)).Chunk(1))
            await SendsAsync(piece);

        (await reading).Text.Should().HaveLength(Limit);
    }

    [Fact]
    public async Task Fragments_are_joined_even_with_a_ping_between_them()
    {
        await SendsAsync(
            [
                .. RawWebSocket.Masked(Frame.TextOpcode, [], final: false),
                .. RawWebSocket.Masked(Continuation, "new"u8.ToArray(), final: false),
                .. RawWebSocket.Masked(Frame.PingOpcode, [1]),
                .. RawWebSocket.Masked(Continuation, "-user"u8.ToArray(), final: false),
                .. RawWebSocket.Masked(Continuation, []),
                .. RawWebSocket.Masked(Frame.TextOpcode, "next"u8.ToArray()),
            ]);

        (await ReadAsync()).Text.Should().Be("new-user");
        (await ReadAsync()).Text.Should().Be("next");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Endless_fragments_are_too_big_even_if_they_are_empty(int length)
    {
        await SendsAsync(RawWebSocket.Masked(Frame.TextOpcode, Letters(length), final: false));
        for (var n = 0; n < Limit + 2; n++)
            await SendsAsync(RawWebSocket.Masked(Continuation, Letters(length), final: false));

        (await ReadAsync()).Kind.Should().Be(ClientMessageKind.TooBig);
    }

    [Fact]
    public async Task A_frame_of_endless_announced_length_is_too_big_once_its_bytes_exceed_the_limit()
    {
        await SendsAsync([0x81, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. Letters(Limit + 1)]);

        (await ReadAsync()).Kind.Should().Be(ClientMessageKind.TooBig);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public async Task A_binary_message_is_distinguished_from_text(int length)
    {
        await SendsAsync(RawWebSocket.Masked(Frame.BinaryOpcode, Letters(length)));

        var message = await ReadAsync();
        message.Kind.Should().Be(ClientMessageKind.Binary);
        message.Bytes.Should().Equal(Letters(length));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_close_is_reported_even_in_the_middle_of_a_message(bool isInside)
    {
        if (isInside)
            await SendsAsync(RawWebSocket.Masked(Frame.TextOpcode, Letters(5), final: false));
        await SendsAsync(RawWebSocket.Masked(Frame.CloseOpcode, [3, 232]));

        (await ReadAsync()).Kind.Should().Be(ClientMessageKind.Close);
    }

    private protected static Connection ConnectionOver(ScriptedTransport transport) =>
        new(transport, PlainText.Format, static () => { }, TimeProvider.System, NullLogger.Instance) { Input = new ClientInput(TimeProvider.System) };

    private static byte[] Letters(int count) => Enumerable.Repeat((byte)'a', count).ToArray();

    private protected abstract Task SendsAsync(byte[] bytes);

    private Task<ClientMessage> ReadAsync() => reader.ReadAsync().WaitAsync(Eventually.Limit);
}
