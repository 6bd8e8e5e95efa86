using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Operations;

/// <summary>Describes to the operator why the process cannot start: all errors, each once, without a stack trace.</summary>
internal static class StartupFailure
{
    /// <summary>The message; null if the operator cannot fix the cause (a bug).</summary>
    public static string? Describe(Exception error) => error switch
    {
        StartupException => error.Message,
        // If invalid options are needed to validate others, both validations fail with the same message.
        AggregateException several when several.InnerExceptions.All(inner => inner is OptionsValidationException) =>
            string.Join(' ', several.InnerExceptions.SelectMany(inner => ((OptionsValidationException)inner).Failures).Distinct()),
        OptionsValidationException options => string.Join(' ', options.Failures),
        InvalidOperationException when error.Message.StartsWith("Failed to convert configuration value", StringComparison.Ordinal) => error.Message
            .Replace("to type 'System.TimeSpan'", "to a time; 00:01:00 is one minute", StringComparison.Ordinal)
            .Replace("to type 'System.Int32'", "to a whole number", StringComparison.Ordinal)
            .Replace("to type 'System.Boolean'", "to true or false", StringComparison.Ordinal),
        IOException { InnerException: AddressInUseException } => error.Message,
        SocketException => $"The server cannot listen on a configured address (urls, or Kestrel:Endpoints): {error.Message}.",
        _ => null,
    };
}
