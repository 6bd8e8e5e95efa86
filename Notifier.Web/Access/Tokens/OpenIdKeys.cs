using System.Text.Json;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Notifier.Configuration;

namespace Notifier.Access.Tokens;

/// <summary>
/// An OpenID Connect provider (<c>Access:Tokens:Authority</c>): what its tokens are checked by, as it says itself. It is asked when that is first
/// needed, each hour, and when a token is signed with a key that is not known. Thread-safe.
/// </summary>
/// <remarks>
/// In place of the library's own keeper of keys, which refuses the first tokens after a change of keys (it asks behind their back), and has all who
/// wait for a provider that does not answer ask it one after the other. What is asked, and how it is read, is the library's.
/// </remarks>
internal sealed partial class OpenIdKeys(JwtBearerOptions bearer, TimeProvider time, ILogger logger)
{
    /// <summary>A visitor waits for it.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RefreshEvery = TimeSpan.FromHours(1);

    /// <summary>Anybody can make up the name of a key. A provider that has changed them is found out within this time.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private readonly LogThrottle failures = new(time);
    private readonly HttpDocumentRetriever retriever = new(bearer.Backchannel) { RequireHttps = bearer.RequireHttpsMetadata };
    private TokenValidationParameters? known;
    private DateTimeOffset dueAt;
    private DateTimeOffset mayRetryAt;
    private Task<TokenValidationParameters?>? refreshing;

    /// <summary>What tokens are checked by. Only who comes before the provider has ever answered waits for it.</summary>
    /// <returns>Null when it does not answer.</returns>
    public Task<TokenValidationParameters?> ParametersAsync()
    {
        lock (gate)
        {
            if (time.GetUtcNow() >= dueAt || known is null)
                Refresh();
            return known is null ? refreshing! : Task.FromResult<TokenValidationParameters?>(known);
        }
    }

    /// <summary>Asks whether the provider has other keys by now than those that a signature was none of.</summary>
    /// <returns>Null when there are none, or it was asked just before.</returns>
    public async Task<TokenValidationParameters?> NewerAsync(TokenValidationParameters tried)
    {
        Task<TokenValidationParameters?> answer;
        lock (gate)
        {
            if (known != tried)
                return known;
            if (refreshing is null)
            {
                if (time.GetUtcNow() < mayRetryAt)
                    return null;
                mayRetryAt = time.GetUtcNow() + RetryAfter;
                Refresh();
            }
            answer = refreshing!;
        }
        return await answer is { } newer && newer != tried ? newer : null;
    }

    /// <summary>Under the lock: one question at a time, whose answer is for all.</summary>
    private void Refresh() => refreshing ??= Task.Run(RefreshAsync);

    private async Task<TokenValidationParameters?> RefreshAsync()
    {
        var answer = await TryRefreshAsync();
        lock (gate)
        {
            refreshing = null;
            dueAt = time.GetUtcNow() + (answer is null ? RetryAfter : RefreshEvery);
            // What was said before is better than nothing.
            return known = answer ?? known;
        }
    }

    private async Task<TokenValidationParameters?> TryRefreshAsync()
    {
        using var limit = new CancellationTokenSource(Timeout, time);
        try
        {
            var said = await OpenIdConnectConfigurationRetriever.GetAsync(bearer.MetadataAddress, retriever, limit.Token);
            var keys = said.SigningKeys.Where(static key => key is not SymmetricSecurityKey).ToList();
            if (keys.Count == 0)
                return Failed("it shows no public key");
            var parameters = bearer.TokenValidationParameters.Clone();
            parameters.IssuerSigningKeys = keys;
            parameters.ValidIssuer ??= said.Issuer;
            return parameters;
        }
        catch (OperationCanceledException)
        {
            return Failed($"it took longer than {Timeout.TotalSeconds} s");
        }
        catch (Exception error) when (error is IOException or HttpRequestException or InvalidOperationException or ArgumentException or JsonException)
        {
            return Failed((error.InnerException ?? error).Message);
        }
    }

    private TokenValidationParameters? Failed(string reason)
    {
        if (failures.IsDue(out var count))
            Log.Unreachable(logger, count, reason.TrimEnd('.'));
        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Count} times since this was last said: Access:Tokens:Authority cannot be asked for its keys: {Reason}.")]
        public static partial void Unreachable(ILogger logger, int count, string reason);
    }
}
