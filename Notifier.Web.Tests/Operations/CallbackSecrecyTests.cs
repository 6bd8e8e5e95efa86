using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>Notifier sends cookies to the application and reads its answers. Neither appears in the log, whatever the result.</summary>
public sealed class CallbackSecrecyTests
{
    private readonly PlantedSecrets secrets = new();

    [Fact]
    public async Task No_secret_of_a_callback_request_or_its_answer_is_in_the_log_at_any_level()
    {
        await using var redis = await RedisServer.StartAsync();
        var application = await Application.StartAsync();
        await using var program = NotifierProcess.Start(
            "Production",
            [
                $"Redis:Configuration={redis.Configuration}", "Access:Callback:CacheFor=00:00:00", "Access:Callback:Timeout=00:00:20",
                $"Access:Callback:Url={application.Address}/notifier?key={secrets.Plant("callback")}", .. PlantedSecrets.FullLogging,
            ]);
        await program.PrintsAsync("Try: ");

        foreach (var (answer, code) in new[]
        {
            (Application.Grant($$"""{"sub":"{{secrets.Plant("subject")}}","expiresIn":300}"""), 4403), (Application.Grant($"<html>{secrets.Plant("page")}"), 4503),
            (Application.Status(500), 4503), (Application.Status(302, $"/?to={secrets.Plant("redirect")}"), 4503), (Application.Status(401), 4401),
        })
        {
            application.Answer = answer;
            (await ComeAsync()).Should().Be(code);
        }
        await application.DisposeAsync();
        (await ComeAsync()).Should().Be(4503, "the application has stopped");
        (await program.TerminateAsync()).Should().Be(0, program.Output);

        program.Output.Should().Contain("Access:Callback:Url gave no usable answer");
        secrets.ShouldBeAbsentFrom(program.Output);

        async Task<int> ComeAsync()
        {
            await using var client = await RawWebSocket.ConnectAsync(
                new UriBuilder(new Uri(program.Address("http"), "/ws?channel=x")) { Scheme = "ws" }.Uri, headers: $"Cookie: session={secrets.Plant("cookie")}\r\n");
            return (await client.ReadUntilCloseAsync()).CloseCode;
        }
    }
}
